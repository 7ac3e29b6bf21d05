"""The app and its clients."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
from fastapi import FastAPI

from service_testing.client import AppClient, as_user
from service_testing.lifespan import Lifespan, LifespanFailed


async def test_the_lifespan_has_run(app: FastAPI, client: AppClient) -> None:
    assert app.state.is_started
    assert (await client.get("/motto")).json() == "set by the lifespan"


async def test_a_server_error_is_a_response(client: AppClient) -> None:
    response = await client.get("/broken")
    assert response.status_code == 500
    assert "secret cause" not in response.text


async def test_a_client_sends_no_token(client: AppClient) -> None:
    assert "authorization" not in client.headers


async def test_as_user_sends_the_token_to_the_same_app(client: AppClient) -> None:
    user_client = as_user(client, "a-token")
    response = await user_client.get("/motto")
    assert response.status_code == 200
    assert response.request.headers["Authorization"] == "Bearer a-token"
    assert "authorization" not in client.headers


async def test_environment_proxies_are_not_asked(
    client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert (await as_user(client, "a-token").get("/motto")).status_code == 200


class TestLifespan:
    async def test_a_start_that_fails_says_why(self) -> None:
        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            _fail("no signing key")
            yield

        with pytest.raises(LookupError, match="no signing key"):
            await Lifespan(FastAPI(lifespan=lifespan)).start()

    async def test_a_stop_that_fails_says_why(self) -> None:
        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            yield
            _fail("not closed")

        running = Lifespan(FastAPI(lifespan=lifespan))
        await running.start()
        with pytest.raises(LookupError, match="not closed"):
            await running.stop()

    async def test_an_app_without_an_answer_has_failed(self) -> None:
        async def app(*_: object) -> None:
            pass

        with pytest.raises(LifespanFailed, match="startup ended without an answer"):
            await Lifespan(cast("FastAPI", app)).start()


def _fail(reason: str) -> None:
    raise LookupError(reason)
