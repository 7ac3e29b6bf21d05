"""`POST /auth/refresh` and `POST /auth/logout`: a refresh token can be used once."""

import hashlib

import pytest
from sqlmodel import select

from app.dependencies import UsersState
from app.models import RefreshToken
from app.settings import UsersSettings
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response, assert_status, assert_validation_error
from service_testing.client import AppClient, as_user
from service_testing.frozen_time import FrozenTime
from tests.factories import Account, create_account
from tests.helpers import assert_login_ended, assert_user_response, log_in, refresh, sign_in

INVALID: list[object] = [None, 1, "", "t" * 513, "nul \0 nul"]


class TestRefresh:
    async def test_refresh_with_an_unknown_token_returns_401(self, client: AppClient) -> None:
        response = await client.post("/auth/refresh", json={"refresh_token": "unknown"})
        assert_error_response(response, 401, "invalid_refresh_token")

    async def test_refresh_returns_new_tokens(self, client: AppClient, user: Account) -> None:
        first = await log_in(client, user)
        response = await client.post("/auth/refresh", json={"refresh_token": first})
        assert_status(response, 200)
        body = response.json()
        assert body.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
        assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
        assert body["refresh_token"] != first
        me = await as_user(client, body["access_token"]).get("/users/me")
        assert_user_response(me, email=user.email)

    async def test_refresh_with_a_used_token_ends_the_login(
        self, client: AppClient, user: Account
    ) -> None:
        first = await log_in(client, user)
        second = await refresh(client, first)
        third = await refresh(client, second)
        await assert_login_ended(client, first)
        await assert_login_ended(client, third)

    async def test_refresh_with_a_used_token_keeps_other_logins(
        self, client: AppClient, user: Account, admin: Account
    ) -> None:
        stolen, elsewhere, of_another = [
            await log_in(client, account) for account in (user, user, admin)
        ]
        await refresh(client, stolen)
        await assert_login_ended(client, stolen)
        assert await refresh(client, elsewhere)
        assert await refresh(client, of_another)

    async def test_refreshed_access_token_has_the_current_role(
        self, client: AppClient, admin_client: AppClient, user: Account
    ) -> None:
        token = await log_in(client, user)
        response = await admin_client.patch(f"/admin/users/{user.id}", json={"role": "admin"})
        assert_user_response(response)
        response = await client.post("/auth/refresh", json={"refresh_token": token})
        promoted = as_user(client, response.json()["access_token"])
        assert_status(await promoted.get("/admin/users/"), 200)

    async def test_refresh_tokens_expire_30_days_after_the_login(
        self, client: AppClient, user: Account, settings: UsersSettings, frozen_time: FrozenTime
    ) -> None:
        assert settings.refresh_token_days == 30
        token = await log_in(client, user)
        for _ in range(3):
            frozen_time.tick(days=9, hours=23)
            token = await refresh(client, token)
        # The new token doesn't extend the session's life.
        frozen_time.tick(hours=3)
        await assert_login_ended(client, token)

    async def test_refresh_token_that_is_not_used_for_14_days_expires(
        self, client: AppClient, user: Account, settings: UsersSettings, frozen_time: FrozenTime
    ) -> None:
        assert settings.session_idle_days == 14
        used, unused = [await log_in(client, user) for _ in range(2)]
        frozen_time.tick(days=13, hours=23)
        used = await refresh(client, used)
        frozen_time.tick(hours=1)
        await assert_login_ended(client, unused)
        assert await refresh(client, used)

    async def test_refresh_of_a_deactivated_account_returns_401_even_after_reactivation(
        self, client: AppClient, user: Account, admin_client: AppClient
    ) -> None:
        token = await log_in(client, user)
        for is_active in (False, True):
            body = {"is_active": is_active}
            response = await admin_client.patch(f"/admin/users/{user.id}", json=body)
            assert_user_response(response)
            await assert_login_ended(client, token)

    async def test_refresh_tokens_are_stored_as_hashes(
        self, client: AppClient, user: Account, session: WriteSession
    ) -> None:
        first = await log_in(client, user)
        second = await refresh(client, first)
        stored = {row.token_hash for row in await session.exec(select(RefreshToken))}
        assert stored == {hashlib.sha256(t.encode()).hexdigest() for t in (first, second)}

    async def test_refresh_with_an_unknown_field_returns_422(self, client: AppClient) -> None:
        body = {"refresh_token": "unknown", "grant_type": "refresh_token"}
        response = await client.post("/auth/refresh", json=body)
        assert_validation_error(response, ["body", "grant_type"])


def refresh_token(tokens: dict[str, str]) -> dict[str, str]:
    return {"refresh_token": tokens["refresh_token"]}


class TestLogOut:
    async def test_log_out_with_an_unknown_token_returns_204(self, client: AppClient) -> None:
        response = await client.post("/auth/logout", json={"refresh_token": "unknown"})
        assert_status(response, 204)
        assert response.content == b""

    async def test_log_out_with_any_token_of_a_login_ends_it(
        self, client: AppClient, user: Account
    ) -> None:
        first = await log_in(client, user)
        second = await refresh(client, first)
        for _ in range(2):
            assert_status(await client.post("/auth/logout", json={"refresh_token": first}), 204)
        await assert_login_ended(client, second)

    async def test_log_out_keeps_other_logins(
        self, client: AppClient, session: WriteSession, state: UsersState
    ) -> None:
        one, other = await create_account(session, state), await create_account(session, state)
        ended, kept, of_another = [await log_in(client, account) for account in (one, one, other)]
        assert_status(await client.post("/auth/logout", json={"refresh_token": ended}), 204)
        assert await refresh(client, kept)
        assert await refresh(client, of_another)

    async def test_access_tokens_of_a_login_are_refused_after_log_out(
        self, client: AppClient, user: Account
    ) -> None:
        tokens, others = [await sign_in(client, user) for _ in range(2)]
        refreshed = await client.post("/auth/refresh", json=refresh_token(tokens))
        assert_status(await client.post("/auth/logout", json=refresh_token(tokens)), 204)
        for token in (tokens["access_token"], refreshed.json()["access_token"]):
            response = await as_user(client, token).get("/users/me")
            assert_error_response(response, 401, "invalid_token")
        assert_user_response(await as_user(client, others["access_token"]).get("/users/me"))


@pytest.mark.parametrize("path", ["/auth/refresh", "/auth/logout"])
@pytest.mark.parametrize("value", INVALID, ids=lambda value: ascii(value)[:12])
async def test_invalid_refresh_token_returns_422(
    client: AppClient, path: str, value: object
) -> None:
    response = await client.post(path, json={"refresh_token": value})
    assert_validation_error(response, ["body", "refresh_token"])
