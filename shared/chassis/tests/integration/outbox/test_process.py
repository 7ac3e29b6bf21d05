"""The relays of a process: woken by commits and notifications, ended between two events."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import text
from tests.example.app import UNUSED
from tests.example.publisher import OTHER, READER, change, create, opened, streams_left

from chassis.db.database import Database
from chassis.events.outbox import process
from chassis.events.outbox.process import delivering
from chassis.events.outbox.settings import PublisherSettings, Subscriber
from service_testing import faults
from service_testing.faults import FaultyTransport

HOUR = 3600.0


class Network(FaultyTransport):
    """The subscribers, over a network that may fail. Tests can wait for deliveries."""

    def __init__(self, *behaviours: faults.Behaviour) -> None:
        super().__init__(*behaviours)
        self.changed = asyncio.Condition()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        finally:
            async with self.changed:
                self.changed.notify_all()

    async def has_got(self, count: int) -> None:
        # The time limit of a test doesn't end its teardown.
        async with asyncio.timeout(60), self.changed:
            await self.changed.wait_for(lambda: len(self.requests) >= count)

    @property
    def events(self) -> list[tuple[str, int]]:
        bodies = [json.loads(request.content) for request in self.requests]
        return [(body["type"], body["data"]["version"]) for body in bodies]


class Token(NamedTuple):
    access_token: str
    expires_in: int


async def issue(audience: str) -> Token:
    return Token(f"token for {audience}", 60)


@pytest.fixture(autouse=True)
def _no_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every delivery of these tests is due to a wake-up."""
    monkeypatch.setattr(process, "_SQLITE_POLL_SECONDS", HOUR)
    monkeypatch.setattr(process, "_POSTGRES_POLL_SECONDS", HOUR)


@pytest.fixture
def network() -> Network:
    return Network(faults.answer(204))


@pytest.fixture
async def outbox(outbox_url: str) -> AsyncIterator[Database]:
    """With real time."""
    async with opened(outbox_url) as database:
        yield database


Run = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture
def run(outbox: Database, network: Network) -> Run:
    def run(*names: str, deadline_seconds: float = 5) -> AbstractAsyncContextManager[None]:
        subscribers = [
            Subscriber.model_validate({"name": name, "url": f"http://{name}.test/events/"})
            for name in names or (READER,)
        ]
        settings = PublisherSettings(
            database_url=SecretStr(UNUSED),
            events_subscribers=tuple(subscribers),
            events_deadline_seconds=deadline_seconds,
            events_max_backoff_seconds=0.01,
            trusted_network=True,
        )
        registry = CollectorRegistry()
        return delivering(settings, outbox, issue, registry, source="/notes", transport=network)

    return run


class TestDelivery:
    async def test_every_subscriber_gets_the_event_with_a_token_of_its_own(
        self, run: Run, network: Network, outbox: Database
    ) -> None:
        async with run(READER, OTHER):
            await create(outbox)
            await network.has_got(2)
        assert {(each.url.host, each.headers["Authorization"]) for each in network.requests} == {
            ("reader.test", "Bearer token for reader-events"),
            ("other.test", "Bearer token for other-events"),
        }

    async def test_events_from_before_the_start_are_delivered(
        self, run: Run, network: Network, outbox: Database
    ) -> None:
        note = await create(outbox)
        await change(outbox, note)
        async with run():
            await network.has_got(2)
        assert network.events == [("note.created", 1), ("note.changed", 2)]
        assert await streams_left(outbox) == 0


class TestStop:
    async def test_stop_gives_every_lease_back(
        self, run: Run, network: Network, outbox: Database
    ) -> None:
        held = faults.Held(faults.answer(204))
        network.behave(held)
        note = await create(outbox)
        await change(outbox, note)
        async with run():
            await held.until_asked()
            assert await streams_left(outbox, leased=True) == 1
            asyncio.get_running_loop().call_soon(held.release)
        assert network.events == [("note.created", 1)]
        assert await streams_left(outbox) == 1
        assert await streams_left(outbox, leased=True) == 0
        async with run():  # another relay goes on at once
            await network.has_got(2)

    async def test_stop_waits_no_longer_than_a_delivery_may_take(
        self, run: Run, network: Network, outbox: Database
    ) -> None:
        held = faults.Held(faults.answer(204))
        network.behave(held)
        await create(outbox)
        async with run(deadline_seconds=0.3):
            await held.until_asked()
        assert await streams_left(outbox, leased=True) == 0


class TestOtherProcesses:
    async def test_event_of_another_process_wakes_the_relay_on_postgresql(
        self, run: Run, network: Network, outbox_url: str, on_postgres: None
    ) -> None:
        async with run(), opened(outbox_url) as other:
            await until_listening(other)
            note = await create(other)
            await network.has_got(1)
            await break_listener(other)
            await until_listening(other)
            await change(other, note)
            await network.has_got(2)
        assert network.events == [("note.created", 1), ("note.changed", 2)]

    async def test_event_of_another_process_is_found_by_a_poll(
        self, run: Run, network: Network, outbox_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(process, "_SQLITE_POLL_SECONDS", 0.01)
        async with run(), opened(outbox_url) as other:
            await create(other)
            await network.has_got(1)


LISTENERS = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'"


async def until_listening(database: Database) -> None:
    async with database.read_session().connection() as connection:
        while not await connection.scalar(text(f"SELECT count(*) {LISTENERS}")):
            pass


async def break_listener(database: Database) -> None:
    async with database.read_session().connection() as connection:
        await connection.execute(text(f"SELECT pg_terminate_backend(pid) {LISTENERS}"))
        while await connection.scalar(text(f"SELECT count(*) {LISTENERS}")):
            pass
