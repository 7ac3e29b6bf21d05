"""The relay at work: in the app's lifespan, woken by what is committed, ended with the app."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest
from jwt import decode, get_unverified_header
from prometheus_client import CollectorRegistry
from pydantic import AnyHttpUrl
from sqlalchemy import text
from structlog.types import EventDict

from app.dependencies import UsersState
from app.main import create_app
from app.outbox import process
from app.outbox.process import RelayProcess
from app.services.access_tokens import TokenIssuer
from app.services.signing_keys import KeyRing
from app.settings import UsersSettings
from chassis.db.database import Database
from service_testing import faults
from service_testing.assertions import assert_status
from service_testing.client import AppClient, app_transport
from service_testing.faults import FaultyTransport
from service_testing.lifespan import Lifespan
from tests.factories import create_user_data
from tests.helpers import assert_user_response
from tests.sinks import register, rename, streams_left
from tests.spare_database import opened

HOUR = 3600.0
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


class Neighbour(FaultyTransport):
    """The sink, across a network that may fail; one can wait for its answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        finally:
            async with self.changed:
                self.changed.notify_all()

    def __init__(self, *behaviours: faults.Behaviour) -> None:
        super().__init__(*behaviours)
        self.changed = asyncio.Condition()

    async def has_got(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.requests) >= count)

    @property
    def events(self) -> list[tuple[str, int]]:
        bodies = [json.loads(request.content) for request in self.requests]
        return [(body["type"], body["data"]["version"]) for body in bodies]


@pytest.fixture(autouse=True)
def _no_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is delivered here is so because somebody woke the relay."""
    monkeypatch.setattr(process, "_SQLITE_POLL_SECONDS", HOUR)
    monkeypatch.setattr(process, "_POSTGRES_POLL_SECONDS", HOUR)


@pytest.fixture
def relaying(settings: UsersSettings) -> UsersSettings:
    url = AnyHttpUrl("http://items.test/events/")
    return settings.model_copy(update={"events_sink_url": url, "events_max_backoff_seconds": 0.01})


@pytest.fixture
async def outbox(spare_database_url: str) -> AsyncIterator[Database]:
    async with opened(spare_database_url) as database:
        yield database


@pytest.fixture
def sink() -> Neighbour:
    return Neighbour(faults.answer(204))


Run = Callable[..., AbstractAsyncContextManager[Lifespan]]


@pytest.fixture
def run(relaying: UsersSettings, outbox: Database, sink: Neighbour) -> Run:
    @asynccontextmanager
    async def running(**changes: object) -> AsyncIterator[Lifespan]:
        settings = relaying.model_copy(update=changes)
        lifespan = Lifespan(create_app(settings, database=outbox, sink_transport=sink))
        await lifespan.start()
        try:
            yield lifespan
        finally:  # or its relay would take the events of the tests to come
            await lifespan.stop()

    return running


def keys_of(lifespan: Lifespan) -> KeyRing:
    state = lifespan.state
    assert isinstance(state, UsersState)
    return state.keys


class TestInTheApp:
    async def test_registration_is_delivered_at_once_under_its_request(
        self, run: Run, sink: Neighbour
    ) -> None:
        async with run() as app:
            headers = {"X-Request-ID": "req-1", "traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"}
            response = await AppClient(app_transport(app.serve)).post(
                "/users/", json=create_user_data(name="Ada"), headers=headers
            )
            user = assert_user_response(response, status=201)
            await sink.has_got(1)
        (request,) = sink.requests
        assert str(request.url) == "http://items.test/events/"
        assert request.headers["X-Request-ID"] == "req-1"
        assert request.headers["traceparent"].split("-")[1] == TRACE_ID
        event = json.loads(request.content)
        assert event["requestid"] == "req-1"
        assert event["traceparent"].split("-")[1] == TRACE_ID
        assert event["data"] == {"id": user["id"], "name": "Ada", "is_active": True, "version": 1}

    async def test_delivery_carries_a_token_for_its_sink_alone(
        self, run: Run, sink: Neighbour
    ) -> None:
        async with run() as app:
            client = AppClient(app_transport(app.serve))
            await client.post("/users/", json=create_user_data())
            await sink.has_got(1)
            token = sink.requests[0].headers["Authorization"].removeprefix("Bearer ")
            claims = decode(token, options={"verify_signature": False})
            assert claims["aud"] == "items-events"
            assert claims["exp"] - claims["iat"] == 60
            # It is signed with a published key, and good for nothing here.
            for path in ("/users/me", "/internal/users/"):
                headers = {"Authorization": f"Bearer {token}"}
                assert_status(await client.get(path, headers=headers), 401)
            verified = await keys_of(app).find(get_unverified_header(token)["kid"])
            assert verified is not None
            decode(token, verified, algorithms=["EdDSA"], audience="items-events")

    async def test_events_from_before_the_start_are_delivered(
        self, run: Run, sink: Neighbour, outbox: Database
    ) -> None:
        user_id = await register(outbox)
        await rename(outbox, user_id, "Ada")
        async with run():
            await sink.has_got(2)
        assert sink.events == [("user.created", 1), ("user.updated", 2)]
        assert await streams_left(outbox) == 0

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "failure",
        [
            faults.refused(),
            faults.unavailable(),
            faults.too_many_requests(retry_after_seconds=0),
            faults.timed_out(),
            faults.answer(401),
            faults.reset(faults.answer(204, text="x")),
            faults.truncated(faults.answer(204, text="xx"), after_bytes=1),
            faults.delayed(faults.answer(204), seconds=60),
        ],
        ids=["refused", "503", "429", "timed out", "401", "reset", "truncated", "delayed"],
    )
    async def test_sink_that_fails_at_first_gets_every_event_in_order(
        self, run: Run, sink: Neighbour, outbox: Database, failure: faults.Behaviour
    ) -> None:
        user_id = await register(outbox)
        await rename(outbox, user_id, "Ada")
        sink.behave(failure, failure, failure, faults.answer(204))
        async with run():
            while await streams_left(outbox):
                await sink.has_got(1)
                await asyncio.sleep(0)
        taken = list(dict.fromkeys(sink.events))
        assert taken == [("user.created", 1), ("user.updated", 2)]

    async def test_relay_may_be_elsewhere(
        self, run: Run, sink: Neighbour, outbox: Database
    ) -> None:
        async with run(events_relay=False) as app:
            await AppClient(app_transport(app.serve)).post("/users/", json=create_user_data())
        async with run(events_sink_url=None) as app:
            await AppClient(app_transport(app.serve)).post("/users/", json=create_user_data())
        assert sink.requests == []
        assert await streams_left(outbox) == 2

    async def test_production_without_a_sink_is_a_warning(
        self, settings: UsersSettings, outbox: Database, logs: list[EventDict]
    ) -> None:
        create_app(settings.model_copy(update={"environment": "production"}), database=outbox)
        assert [line["event"] for line in logs] == ["events_are_not_delivered"]


class TestStop:
    async def test_stop_gives_every_lease_back(
        self, run: Run, sink: Neighbour, outbox: Database
    ) -> None:
        held = faults.Held(faults.answer(204))
        sink.behave(held)
        user_id = await register(outbox)
        await rename(outbox, user_id, "Ada")
        async with run():
            await held.is_asked.wait()
            assert await streams_left(outbox, leased=True) == 1
            asyncio.get_running_loop().call_soon(held.release)
        assert sink.events == [("user.created", 1)]
        assert await streams_left(outbox) == 1
        assert await streams_left(outbox, leased=True) == 0
        async with run():  # which another does at once
            await sink.has_got(2)

    async def test_stop_waits_no_longer_than_a_delivery_may_take(
        self, run: Run, sink: Neighbour, outbox: Database
    ) -> None:
        held = faults.Held(faults.answer(204))
        sink.behave(held)
        await register(outbox)
        async with run(events_deadline_seconds=0.3):
            await held.is_asked.wait()
        assert await streams_left(outbox, leased=True) == 0


class TestOtherProcesses:
    async def test_event_of_another_process_wakes_the_relay_on_postgresql(
        self,
        run: Run,
        sink: Neighbour,
        outbox: Database,
        spare_database_url: str,
        pytestconfig: pytest.Config,
    ) -> None:
        if pytestconfig.getoption("--database") == "sqlite":
            pytest.skip("on SQLite a relay polls")
        async with run(), opened(spare_database_url) as other:
            await until_listening(other)
            user_id = await register(other)
            await sink.has_got(1)
            await break_listener(other)
            await until_listening(other)
            await rename(other, user_id, "Ada")
            await sink.has_got(2)
        assert sink.events == [("user.created", 1), ("user.updated", 2)]

    async def test_event_of_another_process_is_found_by_a_poll(
        self,
        run: Run,
        sink: Neighbour,
        spare_database_url: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(process, "_SQLITE_POLL_SECONDS", 0.01)
        async with run(), opened(spare_database_url) as other:
            await register(other)
            await sink.has_got(1)

    async def test_two_apps_on_one_database_deliver_each_event_once(
        self, run: Run, sink: Neighbour, relaying: UsersSettings, spare_database_url: str
    ) -> None:
        async with opened(spare_database_url) as other:
            keys = KeyRing(other, relaying)
            issuer = TokenIssuer(keys, lifetime_seconds=900, user_audiences=[])
            second = RelayProcess(relaying, other, issuer, CollectorRegistry(), transport=sink)
            async with run() as app, second.running():
                client = AppClient(app_transport(app.serve))
                for _ in range(20):
                    await client.post("/users/", json=create_user_data())
                await sink.has_got(20)
        assert len(sink.events) == 20


LISTENERS = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'"


async def until_listening(database: Database) -> None:
    async with database.orm_read_session() as session:
        while not await session.scalar(text(f"SELECT count(*) {LISTENERS}")):
            pass


async def break_listener(database: Database) -> None:
    async with database.orm_read_session() as session:
        await session.execute(text(f"SELECT pg_terminate_backend(pid) {LISTENERS}"))
        while await session.scalar(text(f"SELECT count(*) {LISTENERS}")):
            pass
