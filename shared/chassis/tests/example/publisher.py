"""A publisher of note events, its subscribers, and relays between them."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import Select, func, select
from sqlmodel import SQLModel, col
from sqlmodel import select as select_entities
from tests.example.app import UNUSED

from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.events.outbox.metrics import DeliveryMetrics
from chassis.events.outbox.models import OutboxEvent, OutboxStream, ParkedEvent
from chassis.events.outbox.relay import LEASE_DEADLINES, Relay
from chassis.events.outbox.settings import PublisherSettings
from chassis.events.outbox.subscribers import register_subscriber, remove_subscriber
from chassis.events.outbox.transport import Answer, Delivered, Transport
from chassis.events.outbox.writing import write_event
from service_testing.frozen_time import FrozenTime

READER = "reader"
"""The subscriber of tests that need only one."""
OTHER = "other"
CONCURRENCY, DEADLINE_SECONDS, POLL_SECONDS = 4, 5.0, 1.0
LEASE_SECONDS = LEASE_DEADLINES * DEADLINE_SECONDS

Behaviour = Callable[[OutboxEvent], Awaitable[Answer]]


class FakeTransport:
    """Delivers every event, unless a test sets another behaviour."""

    def __init__(self) -> None:
        self.answer(Delivered())
        self.calls: list[tuple[int, int]] = []
        """Note and version of each attempt, in order."""
        self.taken: defaultdict[int, list[int]] = defaultdict(list)
        """The versions that were delivered, by note."""

    async def deliver(self, event: OutboxEvent) -> Answer:
        self.calls.append((event.aggregate_id, event.version))
        answer = await self.behaviour(event)
        if isinstance(answer, Delivered):
            self.taken[event.aggregate_id].append(event.version)
        return answer

    def answer(self, answer: Answer) -> None:
        """Give this answer to every event from now on."""
        self.answer_by(lambda _: answer)

    def answer_by(self, rule: Callable[[OutboxEvent], Answer]) -> None:
        async def behave(event: OutboxEvent) -> Answer:
            return rule(event)

        self.behaviour: Behaviour = behave

    def hold(self, calls: int = 1) -> "Held":
        """Answer when the returned object is released."""
        self.behaviour = held = Held(calls)
        return held


class Held:
    """A delivery that waits to be released. `is_asked` is set by the call number `calls`."""

    def __init__(self, calls: int = 1) -> None:
        self.is_asked = asyncio.Event()
        self.released = asyncio.Event()
        self._missing = calls

    async def __call__(self, _: OutboxEvent) -> Answer:
        self._missing -= 1
        if self._missing == 0:
            self.is_asked.set()
        await self.released.wait()
        return Delivered()


def relay_to(
    transport: Transport,
    database: Database,
    *,
    subscriber: str = READER,
    concurrency: int = CONCURRENCY,
    registry: CollectorRegistry | None = None,
) -> Relay:
    settings = PublisherSettings(
        database_url=SecretStr(UNUSED),
        events_concurrency=concurrency,
        events_deadline_seconds=DEADLINE_SECONDS,
    )
    metrics = DeliveryMetrics(registry or CollectorRegistry())
    return Relay(database, subscriber, transport, settings, metrics, poll_seconds=POLL_SECONDS)


async def deliver_all(relay: Relay) -> None:
    """Work until nothing is due."""
    while True:
        await relay.work()
        if relay.is_idle:
            return
        await relay.settle()


async def create(database: Database, number: int = 1) -> int:
    """A new note's id. It has one event."""
    await change(database, number)
    return number


async def change(database: Database, note_id: int, *, times: int = 1) -> None:
    """Write so many events of the note, each in its own transaction."""
    for _ in range(times):
        async with database.transaction() as session:
            await write(session, note_id)


async def write(session: WriteSession, note_id: int) -> OutboxEvent:
    """The note's next event."""
    last = select(func.max(OutboxEvent.version)).where(col(OutboxEvent.aggregate_id) == note_id)
    version = (await session.scalar(last)) or 0
    return await write_event(
        session,
        "note.changed" if version else "note.created",
        aggregate_id=note_id,
        version=version + 1,
        data={"id": note_id, "version": version + 1},
    )


async def age_streams(database: Database, seconds: float) -> None:
    """Change the streams as if so much time had passed by the database's clock, which can't be set."""
    async with database.transaction() as session:
        for stream in await session.exec(select_entities(OutboxStream)):
            stream.due_at -= timedelta(seconds=seconds)


async def streams_left(
    database: Database, *, subscriber: str = READER, leased: bool = False
) -> int:
    """The number of notes with events that are pending or under way."""
    statement: Select[Any] = select(func.count()).where(col(OutboxStream.subscriber) == subscriber)
    if leased:
        statement = statement.where(col(OutboxStream.lease_token).is_not(None))
    return await database.read_session().scalar(statement) or 0


@dataclass
class Outbox:
    """An outbox with the subscriber `READER` and its relay. Time stands still, but not the database's."""

    url: str
    database: Database
    transport: FakeTransport
    registry: CollectorRegistry
    relay: Relay
    time: FrozenTime

    async def create(self, number: int = 1) -> int:
        return await create(self.database, number)

    async def create_many(self, count: int) -> list[int]:
        return [await create(self.database, number) for number in range(count)]

    async def change(self, note_id: int, *, times: int = 1) -> None:
        await change(self.database, note_id, times=times)

    async def deliver_once(self) -> None:
        """Lease and deliver, but record nothing."""
        await self.relay.work()
        await self.relay.settle()

    async def tick(self, seconds: float) -> None:
        """Let time pass for this process and for the streams."""
        self.time.tick(seconds)
        await age_streams(self.database, seconds)

    async def deliver_all(self, *, after_seconds: float = 0) -> None:
        await self.tick(after_seconds)
        await deliver_all(self.relay)

    @asynccontextmanager
    async def another_relay(
        self, transport: FakeTransport | None = None, *, subscriber: str = READER
    ) -> AsyncIterator[Relay]:
        relay = relay_to(transport or self.transport, self.database, subscriber=subscriber)
        async with closing(relay):
            yield relay

    async def register(self, name: str = OTHER) -> bool:
        async with self.database.transaction() as session:
            return await register_subscriber(session, name)

    async def remove(self, name: str = OTHER) -> bool:
        async with self.database.transaction() as session:
            return await remove_subscriber(session, name)

    async def streams_left(self, subscriber: str = READER) -> int:
        return await streams_left(self.database, subscriber=subscriber)

    async def parked(self, subscriber: str = READER) -> dict[tuple[int, int], str]:
        """The reasons, by note and version."""
        statement = (
            select(col(OutboxEvent.aggregate_id), col(OutboxEvent.version), col(ParkedEvent.reason))
            .join(OutboxEvent, col(OutboxEvent.id) == col(ParkedEvent.event_number))
            .where(col(ParkedEvent.subscriber) == subscriber)
        )
        rows = await self.database.read_session().all(statement)
        return {(note_id, version): reason for note_id, version, reason in rows}

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {"subscriber": READER, **labels})


@asynccontextmanager
async def closing(*relays: Relay) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for relay in relays:
            await relay.close(patience_seconds=0)


def opened(url: str) -> aclosing[Database]:
    """The database as another process sees it."""
    return aclosing(Database(url))


async def create_tables(url: str) -> None:
    async with opened(url) as database, database.write_engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
