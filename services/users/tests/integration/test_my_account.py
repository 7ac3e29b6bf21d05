"""`GET`, `PATCH` and `DELETE /users/me`, and `POST /users/me/deletion`."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Protocol

import pytest
from sqlmodel import col, select

from app.dependencies import UsersState
from app.errors import RECENT_SECONDS
from app.models import RefreshFamily, RefreshToken, User
from app.schemas import ProfilePatch
from app.services import accounts
from chassis.db.sessions import WriteSession
from chassis.web.errors import InvalidToken
from service_testing.assertions import assert_error_response, assert_status, assert_validation_error
from service_testing.client import AppClient, as_user
from service_testing.frozen_time import FrozenTime
from tests.factories import Account, create_account
from tests.helpers import assert_user_response, delete_me, email_change, log_in
from tests.mailer import Mailer


class Change(Protocol):
    def __call__(
        self, session: WriteSession, user_id: int, *, password_hash: str
    ) -> Awaitable[object]: ...


async def rename(session: WriteSession, user_id: int, *, password_hash: str) -> User:
    body = ProfilePatch(name="Ada King")
    return await accounts.change_own(session, user_id, body, password_hash=password_hash)


async def stored_version(session: WriteSession, account: Account) -> int:
    version = await session.scalar(select(col(User.version)).where(col(User.id) == account.id))
    await session.commit()
    assert version is not None
    return version


class TestReadMe:
    async def test_read_me_without_token_returns_401(self, client: AppClient) -> None:
        response = await client.get("/users/me")
        assert_error_response(response, 401, "not_authenticated")
        assert response.headers["WWW-Authenticate"] == "Bearer"

    async def test_read_me_returns_the_own_view(
        self, user_client: AppClient, user: Account
    ) -> None:
        body = assert_user_response(await user_client.get("/users/me"), email=user.email)
        assert body["id"] == user.id
        assert body["name"] == user.name

    async def test_read_me_is_never_stored_by_caches(self, user_client: AppClient) -> None:
        response = await user_client.get("/users/me")
        assert response.headers["Cache-Control"] == "no-store"


class TestUpdateMe:
    async def test_update_me_without_token_returns_401(self, client: AppClient) -> None:
        response = await client.patch("/users/me", json={"name": "Ada"})
        assert_error_response(response, 401, "not_authenticated")

    async def test_update_me_changes_only_the_name(
        self, user_client: AppClient, user: Account
    ) -> None:
        response = await user_client.patch("/users/me", json={"name": " Ada King "})
        body = assert_user_response(response, email=user.email)
        assert body["name"] == "Ada King"
        assert assert_user_response(await user_client.get("/users/me")) == body

    async def test_update_me_to_the_current_values_changes_nothing(
        self, user_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        before = assert_user_response(await user_client.get("/users/me"))
        for body in ({}, {"name": user.name, **email_change(user, user.email)}):
            assert assert_user_response(await user_client.patch("/users/me", json=body)) == before
        assert await stored_version(session, user) == 1

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *(("name", value) for value in (None, "", "x\0")),
            *(("email", value) for value in (None, "", "x\0@example.com")),
            *((field, "admin") for field in ("role", "is_active", "password", "id")),
        ],
        ids=ascii,
    )
    async def test_update_me_with_an_invalid_or_unknown_field_returns_422(
        self, user_client: AppClient, field: str, value: str | None
    ) -> None:
        body = {"current_password": "a password", field: value}
        response = await user_client.patch("/users/me", json=body)
        assert_validation_error(response, ["body", field])

    async def test_update_me_with_an_email_and_no_password_returns_422(
        self, user_client: AppClient
    ) -> None:
        response = await user_client.patch("/users/me", json={"email": "new@example.com"})
        assert_validation_error(response, ["body"])

    async def test_update_me_with_an_email_and_a_wrong_password_returns_403(
        self, user_client: AppClient, user: Account
    ) -> None:
        body = {"name": "Never Stored", "email": "new@example.com", "current_password": "wrong"}
        response = await user_client.patch("/users/me", json=body)
        assert_error_response(response, 403, "wrong_password")
        after = assert_user_response(await user_client.get("/users/me"), email=user.email)
        assert after["name"] == user.name

    async def test_update_me_to_a_taken_email_returns_409(
        self, user_client: AppClient, user: Account, admin: Account
    ) -> None:
        body = {"name": "Never Stored", **email_change(user, admin.email.upper())}
        response = await user_client.patch("/users/me", json=body)
        assert_error_response(response, 409, "email_taken")
        after = assert_user_response(await user_client.get("/users/me"), email=user.email)
        assert after["name"] == user.name


@pytest.mark.committed
class TestConcurrentChanges:
    async def test_concurrent_changes_of_one_account_are_all_stored(
        self, client: AppClient, session: WriteSession, state: UsersState, mailer: Mailer
    ) -> None:
        user = await create_account(session, state)
        admin = as_user(client, (await create_account(session, state, role="admin")).token)
        me = as_user(client, user.token)
        responses = await asyncio.gather(
            me.patch("/users/me", json={"name": "Ada King"}),
            me.patch("/users/me", json=email_change(user, "new@example.com")),
            admin.patch(f"/admin/users/{user.id}", json={"role": "admin"}),
        )
        assert [response.status_code for response in responses] == [200] * 3
        confirmation = {"token": await mailer.token()}
        assert_status(await client.post("/auth/email-verification/confirm", json=confirmation), 204)
        body = assert_user_response(await me.get("/users/me"), email="new@example.com")
        assert (body["name"], body["role"]) == ("Ada King", "admin")
        assert await stored_version(session, user) == 4


class TestDeleteMyAccount:
    async def test_deletion_without_token_returns_401(self, client: AppClient) -> None:
        response = await client.post("/users/me/deletion", json={"current_password": "x"})
        assert_error_response(response, 401, "not_authenticated")

    async def test_deletion_invalidates_the_token_at_once(
        self, user_client: AppClient, user: Account
    ) -> None:
        response = await delete_me(user_client, user)
        assert_status(response, 204)
        assert response.content == b""
        assert_error_response(await user_client.get("/users/me"), 401, "invalid_token")

    async def test_deletion_with_a_wrong_password_returns_403(
        self, user_client: AppClient, user: Account
    ) -> None:
        response = await delete_me(user_client, replace(user, password="wrong"))
        assert_error_response(response, 403, "wrong_password")
        assert_user_response(await user_client.get("/users/me"))

    @pytest.mark.parametrize("body", [{}, {"current_password": None}], ids=str)
    async def test_deletion_without_a_password_returns_422(
        self, user_client: AppClient, body: dict[str, None]
    ) -> None:
        response = await user_client.post("/users/me/deletion", json=body)
        assert_validation_error(response, ["body", "current_password"])

    async def test_deletion_deletes_the_logins(
        self, client: AppClient, user_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        form = {"username": user.email, "password": user.password}
        assert_status(await client.post("/auth/token", data=form), 200)
        assert_status(await delete_me(user_client, user), 204)
        assert (await session.exec(select(RefreshFamily))).all() == []
        assert (await session.exec(select(RefreshToken))).all() == []

    async def test_deletion_keeps_other_accounts(
        self, user_client: AppClient, user: Account, admin_client: AppClient
    ) -> None:
        assert_status(await delete_me(user_client, user), 204)
        assert_user_response(await admin_client.get("/users/me"))


class TestConfirmedPassword:
    @pytest.mark.parametrize("change", [accounts.delete_own, rename], ids=["delete", "change"])
    async def test_password_that_was_replaced_meanwhile_confirms_nothing(
        self, session: WriteSession, user: Account, change: Change
    ) -> None:
        with pytest.raises(InvalidToken):
            await change(session, user.id, password_hash="the hash before")


class TestDeleteMe:
    """The deprecated `DELETE /users/me`, which needs no password."""

    async def test_delete_me_without_token_returns_401(self, client: AppClient) -> None:
        assert_error_response(await client.delete("/users/me"), 401, "not_authenticated")

    async def test_delete_me_after_a_recent_sign_in_deletes_and_names_its_sunset(
        self, user_client: AppClient
    ) -> None:
        response = await user_client.delete("/users/me")
        assert_status(response, 204)
        assert response.headers["Deprecation"].startswith("@")
        assert response.headers["Sunset"].endswith(" GMT")
        assert_error_response(await user_client.get("/users/me"), 401, "invalid_token")

    async def test_delete_me_with_a_refreshed_token_needs_a_new_sign_in(
        self, client: AppClient, user: Account, frozen_time: FrozenTime
    ) -> None:
        token = await log_in(client, user)
        frozen_time.tick(RECENT_SECONDS + 1)
        refreshed = await client.post("/auth/refresh", json={"refresh_token": token})
        me = as_user(client, refreshed.json()["access_token"])
        response = await me.delete("/users/me")
        assert_error_response(response, 401, "insufficient_user_authentication")
        assert 'max_age="600"' in response.headers["WWW-Authenticate"]
        assert_user_response(await me.get("/users/me"))
