"""The users service's keys: fetched, stored and refreshed."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from app.dependencies import ItemsState
from app.errors import UsersUnavailable
from app.services.published_keys import DatabaseKeyStore
from chassis.auth.remote_keys import MIN_REFRESH_INTERVAL_SECONDS, RemoteKeys
from chassis.auth.tokens import TokenVerifier
from chassis.db.database import Database
from service_testing.assertions import assert_error_response
from service_testing.client import AppClient, app_transport
from service_testing.tokens import TokenIssuer
from tests.fake_users import FakeUsers

pytestmark = pytest.mark.committed


class Process:
    """One process of the service, with a users service and a clock that the test sets."""

    def __init__(self, app: FastAPI, state: ItemsState, issuer: TokenIssuer) -> None:
        self.users = FakeUsers(issuer)
        self.seconds = 0.0
        keys = RemoteKeys(
            self.users.fetch_keys,
            DatabaseKeyStore(state.database),
            failures=(UsersUnavailable,),
            clock=lambda: self.seconds,
        )
        tokens = TokenVerifier(keys, audience="items", issuer="users")
        self._transport = app_transport(app, state=replace(state, access_tokens=tokens))

    async def ask_with(self, token: str) -> httpx.Response:
        """The response to a request that needs a token: a 404 if the token is valid."""
        return await AppClient(self._transport, token=token).delete("/items/1")


StartProcess = Callable[[], Process]


@pytest.fixture
def issuer() -> TokenIssuer:
    return TokenIssuer(key_id="first", audience="items", name="users")


@pytest.fixture
def rotated() -> TokenIssuer:
    return TokenIssuer(key_id="second", audience="items", name="users")


@pytest.fixture
def start_process(
    app: FastAPI, app_state: ItemsState, database: Database, issuer: TokenIssuer
) -> StartProcess:
    return lambda: Process(app, app_state, issuer)


@pytest.fixture
def process(start_process: StartProcess) -> Process:
    return start_process()


class TestUnknownKeys:
    async def test_unknown_keys_are_fetched_once(
        self, process: Process, issuer: TokenIssuer
    ) -> None:
        answers = await asyncio.gather(*(process.ask_with(issuer.token()) for _ in range(50)))
        assert [answer.status_code for answer in answers] == [404] * 50
        assert process.users.key_fetches == 1

    async def test_unknown_keys_while_users_is_down_return_503(
        self, process: Process, issuer: TokenIssuer
    ) -> None:
        process.users.keys_are_down = True
        response = await process.ask_with(issuer.token())
        assert_error_response(response, 503, "users_unavailable")
        assert int(response.headers["Retry-After"]) >= 1


class TestStoredKeys:
    async def test_stored_keys_are_used_by_a_new_process_while_users_is_down(
        self, process: Process, start_process: StartProcess, issuer: TokenIssuer
    ) -> None:
        await process.ask_with(issuer.token())
        restarted = start_process()
        restarted.users.keys_are_down = True
        assert_error_response(await restarted.ask_with(issuer.token()), 404, "not_found")
        forged = await restarted.ask_with(issuer.impostor().token())
        assert_error_response(forged, 401, "invalid_token")

    async def test_rotated_keys_replace_the_stored_keys(
        self,
        process: Process,
        start_process: StartProcess,
        issuer: TokenIssuer,
        rotated: TokenIssuer,
    ) -> None:
        await process.ask_with(issuer.token())
        process.users.key_set = rotated.jwks
        process.seconds += MIN_REFRESH_INTERVAL_SECONDS
        await process.ask_with(rotated.token())
        restarted = start_process()
        restarted.users.keys_are_down = True
        assert_error_response(await restarted.ask_with(rotated.token()), 404, "not_found")
