"""Refresh tokens with real commits: revocations that outlive an error, and races."""

import asyncio

import pytest
from sqlmodel import col, select

from app.dependencies import UsersState
from app.models import RefreshFamily
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_status
from service_testing.client import AppClient, as_user
from tests.factories import Account, create_account
from tests.helpers import assert_login_ended, delete_me, log_in, refresh

pytestmark = pytest.mark.committed


@pytest.fixture
async def user(session: WriteSession, state: UsersState) -> Account:
    return await create_account(session, state)


class TestReuse:
    async def test_revocation_after_reuse_is_committed(
        self, client: AppClient, user: Account, session: WriteSession
    ) -> None:
        first = await log_in(client, user)
        second = await refresh(client, first)
        await assert_login_ended(client, first)
        statement = select(RefreshFamily).order_by(col(RefreshFamily.id).desc())
        family = (await session.exec(statement)).first()
        await session.commit()
        assert family is not None
        assert family.revoked_at is not None
        await assert_login_ended(client, second)

    async def test_concurrent_use_succeeds_at_most_once_and_ends_the_login(
        self, client: AppClient, user: Account
    ) -> None:
        token = await log_in(client, user)
        uses = (client.post("/auth/refresh", json={"refresh_token": token}) for _ in range(8))
        responses = await asyncio.gather(*uses)
        statuses = sorted(response.status_code for response in responses)
        assert statuses == [200] + [401] * 7
        winner = next(response for response in responses if response.status_code == 200)
        await assert_login_ended(client, winner.json()["refresh_token"])


class TestConcurrentRefresh:
    async def test_refresh_during_deletion_leaves_no_login(
        self, client: AppClient, session: WriteSession, state: UsersState
    ) -> None:
        users = [await create_account(session, state) for _ in range(12)]
        tokens = [await log_in(client, user) for user in users]
        requests = []
        for user, token in zip(users, tokens, strict=True):
            requests.append(client.post("/auth/refresh", json={"refresh_token": token}))
            requests.append(delete_me(as_user(client, user.token), user))
        responses = await asyncio.gather(*requests)
        assert {response.status_code for response in responses[::2]} <= {200, 401}
        assert {response.status_code for response in responses[1::2]} == {204}
        assert (await session.exec(select(RefreshFamily))).all() == []

    async def test_refresh_during_a_password_change_leaves_no_login(
        self, client: AppClient, user: Account
    ) -> None:
        token = await log_in(client, user)
        change = {"current_password": user.password, "new_password": "another password"}
        refreshed, changed = await asyncio.gather(
            client.post("/auth/refresh", json={"refresh_token": token}),
            as_user(client, user.token).put("/users/me/password", json=change),
        )
        assert_status(changed, 204)
        assert refreshed.status_code in {200, 401}
        await assert_login_ended(client, refreshed.json().get("refresh_token", token))

    async def test_refresh_during_log_out_leaves_no_login(
        self, client: AppClient, user: Account
    ) -> None:
        token = await log_in(client, user)
        refreshed, logged_out = await asyncio.gather(
            client.post("/auth/refresh", json={"refresh_token": token}),
            client.post("/auth/logout", json={"refresh_token": token}),
        )
        assert_status(logged_out, 204)
        assert refreshed.status_code in {200, 401}
        await assert_login_ended(client, refreshed.json().get("refresh_token", token))
