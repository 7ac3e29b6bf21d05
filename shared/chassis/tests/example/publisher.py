"""A publisher of note events, its subscribers, and relays between them."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry
from sqlalchemy import func, select
from sqlmodel import col
from sqlmodel import select as select_entities

from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.events.outbox.metrics import DeliveryMetrics
from chassis.events.outbox.models import OutboxEvent, OutboxStream, ParkedEvent
from chassis.events.outbox.relay import Relay, RelaySettings
from chassis.events.outbox.transport import Answer, Delivered, Transport
from chassis.events.outbox.writing import write_event

READER = "reader"
"""The subscriber of tests that need only one."""
SETTINGS = RelaySettings(
    concurrency=4,
    deadline_seconds=5,
    lease_seconds=50,
    poll_seconds=1,
    most_backoff_seconds=30,
)

Behaviour = Callable[[OutboxEvent], Awaitable[Answer]]


async def take(_: OutboxEvent) -> Answer:
    return Delivered()


class FakeTransport:
    """Delivers every event, unless it is told to behave otherwise."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = take
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
        """Answer this to every event from now on."""

        async def behave(_: OutboxEvent) -> Answer:
            return answer

        self.behaviour = behave


class Held:
    """Answers when it is released. `is_asked` is set by the call number `asked`."""

    def __init__(self, asked: int = 1) -> None:
        self.is_asked = asyncio.Event()
        self.released = asyncio.Event()
        self._missing = asked

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
    settings: RelaySettings = SETTINGS,
    registry: CollectorRegistry | None = None,
) -> Relay:
    metrics = DeliveryMetrics(registry or CollectorRegistry())
    return Relay(database, subscriber, transport, settings, metrics)


async def deliver_all(relay: Relay) -> None:
    """Let it work until nothing is due any more."""
    while True:
        await relay.work()
        if relay.is_idle:
            return
        await relay.settle()


async def create(database: Database, number: int = 1) -> int:
    """A new note's id. It has one event."""
    async with database.transaction() as session:
        await write(session, number)
    return number


async def change(database: Database, note_id: int, *, times: int = 1) -> None:
    """One more event for each time."""
    for _ in range(times):
        async with database.transaction() as session:
            await write(session, note_id)


async def write(session: WriteSession, note_id: int) -> OutboxEvent:
    """The note's next event."""
    last = select_entities(func.max(OutboxEvent.version)).where(OutboxEvent.aggregate_id == note_id)
    version = (await session.exec(last)).one() or 0
    return await write_event(
        session,
        "note.changed" if version else "note.created",
        aggregate_id=note_id,
        version=version + 1,
        data={"id": note_id, "version": version + 1},
    )


async def streams_left(
    database: Database, *, subscriber: str = READER, leased: bool = False
) -> int:
    """How many notes' events wait, or are under way."""
    statement = select(func.count()).where(col(OutboxStream.subscriber) == subscriber)
    if leased:
        statement = statement.where(col(OutboxStream.lease_token).is_not(None))
    return await database.read_session().scalar(statement) or 0


async def parked(database: Database, *, subscriber: str = READER) -> dict[tuple[int, int], str]:
    """The reasons, by note and version."""
    statement = (
        select(col(OutboxEvent.aggregate_id), col(OutboxEvent.version), col(ParkedEvent.reason))
        .join(OutboxEvent, col(OutboxEvent.id) == col(ParkedEvent.event_number))
        .where(col(ParkedEvent.subscriber) == subscriber)
    )
    rows = await database.read_session().all(statement)
    return {(aggregate_id, version): reason for aggregate_id, version, reason in rows}


def count_of(registry: CollectorRegistry, result: str, *, subscriber: str = READER) -> float:
    """How many deliveries ended so, according to the metrics."""
    labels = {"subscriber": subscriber, "result": result}
    return registry.get_sample_value("event_deliveries_total", labels) or 0


@asynccontextmanager
async def closing(*relays: Relay) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for relay in relays:
            await relay.close(patience_seconds=0)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A process's own view of the database."""
    database = Database(url)
    try:
        yield database
    finally:
        await database.aclose()
