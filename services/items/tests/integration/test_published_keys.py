"""The users service's keys. `chassis.auth.remote_keys` fetches them, this service stores them."""

from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from app.dependencies import ItemsState
from app.errors import UsersUnavailable
from chassis.auth.remote_keys import RemoteKeys
from chassis.auth.stored_keys import DatabaseKeyStore
from chassis.auth.tokens import TokenVerifier
from service_testing.assertions import assert_error_response
from service_testing.client import AppClient, app_transport
from service_testing.tokens import TokenIssuer
from tests.fake_users import FakeUsers

pytestmark = [pytest.mark.committed, pytest.mark.usefixtures("database")]


class Process:
    """One process of the service, with a users service that the test sets."""

    def __init__(self, app: FastAPI, state: ItemsState, users: FakeUsers) -> None:
        store = DatabaseKeyStore(state.database)
        keys = RemoteKeys(users.fetch_keys, store, failures=(UsersUnavailable,))
        tokens = TokenVerifier(keys, audience="items", issuer="users")
        self._transport = app_transport(app, state=replace(state, access_tokens=tokens))

    async def delete_item(self, token: str) -> httpx.Response:
        """The response to a request that needs a token: a 404 if the token is valid."""
        return await AppClient(self._transport, token=token).delete("/items/1")


class TestStoredKeys:
    async def test_token_without_any_key_returns_503_while_users_is_down(
        self, app: FastAPI, app_state: ItemsState, token_issuer: TokenIssuer
    ) -> None:
        users = FakeUsers(token_issuer)
        users.keys_are_down = True
        response = await Process(app, app_state, users).delete_item(token_issuer.token())
        assert_error_response(response, 503, "users_unavailable")
        assert int(response.headers["Retry-After"]) >= 1

    async def test_new_process_uses_the_stored_keys_while_users_is_down(
        self, app: FastAPI, app_state: ItemsState, token_issuer: TokenIssuer
    ) -> None:
        users = FakeUsers(token_issuer)
        first = await Process(app, app_state, users).delete_item(token_issuer.token())
        assert_error_response(first, 404, "not_found")
        users.keys_are_down = True
        restarted = Process(app, app_state, users)
        assert_error_response(await restarted.delete_item(token_issuer.token()), 404, "not_found")
        forged = await restarted.delete_item(token_issuer.impostor().token())
        assert_error_response(forged, 401, "invalid_token")
