"""`GET /users/me/sessions` and `DELETE /users/me/sessions/{session_id}`."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlmodel import col, select

from app.dependencies import UsersState
from app.jobs.housekeeping import housekeeping
from app.main import build_state
from app.models import RefreshFamily
from app.settings import UsersSettings
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response, assert_status, assert_validation_error
from service_testing.client import AppClient, app_transport, as_user
from service_testing.frozen_time import FrozenTime
from service_testing.queries import QueryCounter
from tests.factories import Account, create_account
from tests.helpers import assert_login_ended, assert_user_response, claims_of, refresh, sign_in


async def sessions_of(client: AppClient) -> list[dict[str, Any]]:
    response = await client.get("/users/me/sessions")
    assert_status(response, 200)
    sessions: list[dict[str, Any]] = response.json()
    return sessions


def signed_in(client: AppClient, tokens: dict[str, str]) -> AppClient:
    return as_user(client, tokens["access_token"])


class TestList:
    async def test_list_without_token_returns_401(self, client: AppClient) -> None:
        assert_error_response(await client.get("/users/me/sessions"), 401, "not_authenticated")

    async def test_list_has_each_own_session_the_last_used_first(
        self,
        client: AppClient,
        user_client: AppClient,
        admin: Account,
        user: Account,
        frozen_time: FrozenTime,
    ) -> None:
        del admin  # has a session, too
        phone = await sign_in(client, user, **{"User-Agent": "Phone\x7f " + "x" * 300})
        frozen_time.tick(60)
        laptop = await sign_in(client, user, **{"User-Agent": "Laptop"})
        frozen_time.tick(60)
        await refresh(client, phone["refresh_token"])
        first, second, third = await sessions_of(user_client)
        assert first.keys() == {"id", "created_at", "last_used_at", "user_agent", "current"}
        assert [str(each["id"]) for each in (first, second, third)] == [
            claims_of(token)["sid"]
            for token in (phone["access_token"], laptop["access_token"], user.token)
        ]
        assert first["user_agent"] == "Phone " + "x" * 249
        assert (second["user_agent"], third["user_agent"]) == ("Laptop", None)
        assert [each["current"] for each in (first, second, third)] == [False, False, True]
        assert first["last_used_at"] > second["last_used_at"] == second["created_at"]
        assert second["created_at"] > first["created_at"]

    async def test_list_leaves_out_what_has_ended(
        self, client: AppClient, user: Account, frozen_time: FrozenTime
    ) -> None:
        await sign_in(client, user)
        frozen_time.tick(days=14)
        ended = await sign_in(client, user)
        await client.post("/auth/logout", json={"refresh_token": ended["refresh_token"]})
        last = await sign_in(client, user)
        [only] = await sessions_of(signed_in(client, last))
        assert only["current"]


class TestEnd:
    async def test_end_without_token_returns_401(self, client: AppClient) -> None:
        response = await client.delete("/users/me/sessions/1")
        assert_error_response(response, 401, "not_authenticated")

    async def test_end_refuses_the_sessions_tokens_at_once(
        self, client: AppClient, user: Account, user_client: AppClient
    ) -> None:
        tokens = await sign_in(client, user)
        session_id = claims_of(tokens["access_token"])["sid"]
        path = f"/users/me/sessions/{session_id}"
        assert_status(await user_client.delete(path), 204)
        response = await signed_in(client, tokens).get("/users/me")
        assert_error_response(response, 401, "invalid_token")
        await assert_login_ended(client, tokens["refresh_token"])
        assert_user_response(await user_client.get("/users/me"))
        assert_error_response(await user_client.delete(path), 404, "not_found")

    async def test_session_of_another_account_returns_404(
        self, client: AppClient, admin_client: AppClient, user: Account
    ) -> None:
        path = f"/users/me/sessions/{claims_of(user.token)['sid']}"
        response = await admin_client.delete(path)
        assert_error_response(response, 404, "not_found")
        assert response.json()["detail"] == "Session not found"
        assert_user_response(await as_user(client, user.token).get("/users/me"))

    async def test_invalid_id_returns_422(self, user_client: AppClient) -> None:
        response = await user_client.delete("/users/me/sessions/x")
        assert_validation_error(response, ["path", "session_id"])


class TestBound:
    @pytest.fixture
    def limited(self, app: FastAPI, settings: UsersSettings, state: UsersState) -> AppClient:
        """A client of an app that allows three sessions."""
        few = settings.model_copy(update={"max_sessions": 3})
        return AppClient(app_transport(app, state=build_state(few, state.database)))

    async def test_sign_in_ends_the_session_that_was_used_longest_ago(
        self, limited: AppClient, user: Account, admin: Account, frozen_time: FrozenTime
    ) -> None:
        first, second = [await sign_in(limited, user) for _ in range(2)]
        frozen_time.tick(60)
        kept = await refresh(limited, first["refresh_token"])
        third, fourth = [await sign_in(limited, user) for _ in range(2)]
        await assert_login_ended(limited, second["refresh_token"])
        for token in (kept, third["refresh_token"], fourth["refresh_token"]):
            assert await refresh(limited, token)
        assert_user_response(await as_user(limited, admin.token).get("/users/me"))

    @pytest.mark.committed
    async def test_concurrent_sign_ins_leave_no_session_too_many(
        self, limited: AppClient, session: WriteSession, state: UsersState
    ) -> None:
        user = await create_account(session, state)
        await asyncio.gather(*(sign_in(limited, user) for _ in range(8)))
        live = select(RefreshFamily.id).where(col(RefreshFamily.revoked_at).is_(None))
        assert len((await session.exec(live)).all()) == 3


async def test_current_account_is_read_with_one_statement(
    user_client: AppClient, query_counter: QueryCounter
) -> None:
    with query_counter.at_most(1, ignored="FROM signing_keys"):
        assert_user_response(await user_client.get("/users/me"))


@pytest.mark.committed
async def test_process_prunes_without_being_asked(
    client: AppClient,
    session: WriteSession,
    state: UsersState,
    settings: UsersSettings,
    frozen_time: FrozenTime,
) -> None:
    user = await create_account(session, state)
    await sign_in(client, user)
    frozen_time.tick(days=30)
    active = settings.model_copy(update={"background": True})
    async with housekeeping(active, state.database, CollectorRegistry()):
        async with asyncio.timeout(30):
            while (await session.exec(select(RefreshFamily.id))).first() is not None:
                await session.rollback()
                await asyncio.sleep(0.01)
    await session.rollback()
