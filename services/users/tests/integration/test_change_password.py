"""`PUT /users/me/password`."""

import asyncio

import pytest

from app.dependencies import UsersState
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response, assert_status, assert_validation_error
from service_testing.client import AppClient, as_user
from tests.factories import Account, create_account
from tests.helpers import assert_login_ended, log_in, refresh

NEW_PASSWORD = "another password"


class TestChangePassword:
    async def test_change_password_without_token_returns_401(self, client: AppClient) -> None:
        body = {"current_password": "old password", "new_password": NEW_PASSWORD}
        response = await client.put("/users/me/password", json=body)
        assert_error_response(response, 401, "not_authenticated")

    async def test_change_password_takes_effect_at_once(
        self, client: AppClient, user_client: AppClient, user: Account
    ) -> None:
        body = {"current_password": user.password, "new_password": NEW_PASSWORD}
        response = await user_client.put("/users/me/password", json=body)
        assert_status(response, 204)
        assert response.content == b""
        for password, status in [(NEW_PASSWORD, 200), (user.password, 401)]:
            form = {"username": user.email, "password": password}
            assert_status(await client.post("/auth/token", data=form), status)

    async def test_change_password_ends_only_this_users_logins(
        self, client: AppClient, user_client: AppClient, user: Account, admin: Account
    ) -> None:
        own = [await log_in(client, user), await log_in(client, user)]
        others = await log_in(client, admin)
        body = {"current_password": user.password, "new_password": NEW_PASSWORD}
        assert_status(await user_client.put("/users/me/password", json=body), 204)
        for token in own:
            await assert_login_ended(client, token)
        assert await refresh(client, others)
        assert_error_response(await user_client.get("/users/me"), 401, "invalid_token")

    async def test_change_password_with_a_wrong_current_password_returns_403(
        self, client: AppClient, user_client: AppClient, user: Account
    ) -> None:
        login = await log_in(client, user)
        body = {"current_password": f"{user.password}!", "new_password": NEW_PASSWORD}
        response = await user_client.put("/users/me/password", json=body)
        assert_error_response(response, 403, "wrong_password")
        assert await refresh(client, login)

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            *(({"new_password": value}, "new_password") for value in (None, "p" * 7, "p" * 129)),
            ({"current_password": None}, "current_password"),
            ({"email": "x"}, "email"),
        ],
        ids=ascii,
    )
    async def test_change_password_with_an_invalid_or_unknown_field_returns_422(
        self, user_client: AppClient, user: Account, change: dict[str, str | None], field: str
    ) -> None:
        body = {"current_password": user.password, "new_password": NEW_PASSWORD, **change}
        response = await user_client.put("/users/me/password", json=body)
        assert_validation_error(response, ["body", field])

    @pytest.mark.parametrize("weak", ["password", "the e-mail address"])
    async def test_change_to_a_weak_password_returns_422(
        self, client: AppClient, user_client: AppClient, user: Account, weak: str
    ) -> None:
        new = user.email if weak == "the e-mail address" else weak
        body = {"current_password": user.password, "new_password": new}
        response = await user_client.put("/users/me/password", json=body)
        assert_validation_error(response, ["body", "new_password"])
        assert await log_in(client, user)


@pytest.mark.committed
class TestConcurrentChanges:
    async def test_only_one_of_concurrent_password_changes_succeeds(
        self, client: AppClient, session: WriteSession, state: UsersState
    ) -> None:
        user = await create_account(session, state)
        user_client = as_user(client, user.token)
        passwords = [f"{NEW_PASSWORD} {number}" for number in range(5)]
        responses = await asyncio.gather(
            *(
                user_client.put(
                    "/users/me/password",
                    json={"current_password": user.password, "new_password": password},
                )
                for password in passwords
            )
        )
        statuses = [response.status_code for response in responses]
        assert sorted(statuses) == [204, 403, 403, 403, 403]
        winner = passwords[statuses.index(204)]
        assert await log_in(client, user, password=winner)

    async def test_password_changes_use_no_connection_while_hashing(
        self, client: AppClient, session: WriteSession, state: UsersState
    ) -> None:
        """More requests than connections: they would deadlock if each used one while hashing."""
        users = [await create_account(session, state) for _ in range(24)]
        responses = await asyncio.gather(
            *(
                as_user(client, user.token).put(
                    "/users/me/password",
                    json={"current_password": user.password, "new_password": NEW_PASSWORD},
                )
                for user in users
            )
        )
        assert [response.status_code for response in responses] == [204] * len(users)
