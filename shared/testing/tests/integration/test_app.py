"""The app and its clients."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from example.app import NotesState
from fastapi import FastAPI
from sqlalchemy import literal, select
from starlette.types import Receive, Scope, Send

from chassis.auth.tokens import TokenVerifier
from chassis.db.database import Database
from chassis.web.state import ServiceState
from service_testing.client import AppClient, app_transport, as_user
from service_testing.isolation import IsolatedDatabase
from service_testing.lifespan import Lifespan, LifespanFailed, running
from service_testing.service import ServiceUnderTest
from service_testing.tokens import TokenIssuer


@pytest.fixture
def verifier(token_issuer: TokenIssuer) -> TokenVerifier:
    return TokenVerifier(token_issuer, audience="example", issuer="issuer")


async def test_routes_find_the_state_that_the_lifespan_yields(
    app_state: ServiceState, client: AppClient
) -> None:
    assert cast(NotesState, app_state).motto == "set by the lifespan"
    assert (await client.get("/motto")).json() == "set by the lifespan"


async def test_app_that_is_not_started_uses_the_given_state(
    app_state: ServiceState, service: ServiceUnderTest, database: IsolatedDatabase
) -> None:
    state = replace(cast(NotesState, app_state), motto="of this test")
    own_app = service.create_app(database=database)
    client = AppClient(app_transport(own_app, state=state))
    assert (await client.get("/motto")).json() == "of this test"


async def test_server_error_is_a_response(client: AppClient) -> None:
    response = await client.get("/broken")
    assert response.status_code == 500
    assert "secret cause" not in response.text


async def test_absolute_link_of_the_app_can_be_followed(client: AppClient) -> None:
    response = await client.get("/notes")  # without its slash the app sends a client on
    assert response.headers["Location"] == "http://testserver/notes/"


async def test_as_user_sends_the_token_to_the_same_app(client: AppClient) -> None:
    user_client = as_user(client, "a-token")
    response = await user_client.get("/motto")
    assert response.status_code == 200
    assert response.request.headers["Authorization"] == "Bearer a-token"
    assert "authorization" not in client.headers


async def test_proxies_of_the_environment_are_ignored(
    client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert (await as_user(client, "a-token").get("/motto")).status_code == 200


class TestSignedInClients:
    async def test_user_client_sends_an_ordinary_user_s_token(
        self, user_client: AppClient, verifier: TokenVerifier
    ) -> None:
        principal = await verifier.principal(token_sent_by(user_client))
        assert (principal.user_id, principal.is_admin) == (1, False)
        assert (await user_client.get("/motto")).status_code == 200

    async def test_admin_client_sends_an_administrator_s_token(
        self, admin_client: AppClient, verifier: TokenVerifier
    ) -> None:
        principal = await verifier.principal(token_sent_by(admin_client))
        assert (principal.user_id, principal.is_admin) == (2, True)


class TestWithoutDatabase:
    @pytest.fixture
    def service(self) -> ServiceUnderTest:
        """A service whose start doesn't use the database."""

        def create_app(*, database: Database) -> FastAPI:
            app = FastAPI()

            @app.get("/answer")
            async def answer() -> int:
                return await database.read_session().scalar(select(literal(42))) or 0

            return app

        return ServiceUnderTest(name="example", create_app=create_app, migrations=Path())

    async def test_route_that_uses_the_database_fails(
        self, client_without_database: AppClient
    ) -> None:
        assert (await client_without_database.get("/answer")).status_code == 500
        assert (await client_without_database.get("/openapi.json")).status_code == 200


class TestRunning:
    async def test_app_is_stopped_after_a_failure(self) -> None:
        states = []

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            states.append("started")
            yield
            states.append("stopped")

        async def use() -> None:
            async with running(FastAPI(lifespan=lifespan)) as client:
                assert (await client.get("/openapi.json")).status_code == 200
                _fail("the test's own")

        with pytest.raises(LookupError, match="the test's own"):
            await use()
        assert states == ["started", "stopped"]


class TestLifespan:
    async def test_failing_start_raises_the_app_s_error(self) -> None:
        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            _fail("no signing key")
            yield

        with pytest.raises(LookupError, match="no signing key"):
            await Lifespan(FastAPI(lifespan=lifespan)).start()

    async def test_failing_stop_raises_the_app_s_error(self) -> None:
        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            yield
            _fail("not closed")

        started = Lifespan(FastAPI(lifespan=lifespan))
        await started.start()
        with pytest.raises(LookupError, match="not closed"):
            await started.stop()

    async def test_error_after_the_completed_stop_is_raised(self) -> None:
        async def app(_: Scope, receive: Receive, send: Send) -> None:
            for event in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{event}.complete"})
            _fail("not closed")

        started = Lifespan(cast("FastAPI", app))
        await started.start()
        with pytest.raises(LookupError, match="not closed"):
            await started.stop()

    async def test_app_without_an_answer_raises_lifespan_failed(self) -> None:
        async def app(*_: object) -> None:
            pass

        with pytest.raises(LifespanFailed, match="startup ended without an answer"):
            await Lifespan(cast("FastAPI", app)).start()


def token_sent_by(client: AppClient) -> str:
    return str(client.headers["Authorization"]).removeprefix("Bearer ")


def _fail(reason: str) -> None:
    raise LookupError(reason)
