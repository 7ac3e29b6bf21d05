"""Sinks that remember what they were sent, relays that deliver to them, and what is left then."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry
from sqlalchemy import func, select
from sqlmodel import col

from app.models import OutboxEvent, OutboxStream
from app.outbox.metrics import DeliveryMetrics
from app.outbox.relay import Relay, RelaySettings
from app.outbox.sink import Answer, Delivered, Sink
from app.schemas import ProfilePatch
from app.services import accounts
from chassis.db.database import Database
from contracts.fakes import check_answer

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


def gives_answer(answer: Answer) -> None:
    """Held to the contract with items; a failure without a status is no answer."""
    if isinstance(answer, Delivered):
        check_answer("POST", "/events/", 204)
    elif answer.reason.startswith("status "):
        check_answer("POST", "/events/", int(answer.reason.removeprefix("status ")))


class FakeSink:
    """Takes every event, unless it is told to behave otherwise."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = take
        self.calls: list[tuple[int, int]] = []
        """User and version of each try, in order."""
        self.taken: defaultdict[int, list[int]] = defaultdict(list)
        """The versions that it said to have, by user."""

    async def deliver(self, event: OutboxEvent) -> Answer:
        self.calls.append((event.user_id, event.version))
        answer = await self.behaviour(event)
        gives_answer(answer)
        if isinstance(answer, Delivered):
            self.taken[event.user_id].append(event.version)
        return answer

    def answer(self, answer: Answer) -> None:
        """Answer this to every event from now on."""

        async def behave(_: OutboxEvent) -> Answer:
            return answer

        self.behaviour = behave


class Held:
    """Answers when it is released; says when it has been asked so many times."""

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
    sink: Sink,
    database: Database,
    *,
    settings: RelaySettings = SETTINGS,
    registry: CollectorRegistry | None = None,
) -> Relay:
    return Relay(database, sink, settings, DeliveryMetrics(registry or CollectorRegistry()))


async def deliver_all(relay: Relay) -> None:
    """Let it work until nothing is due any more."""
    while True:
        await relay.work()
        if relay.is_idle:
            return
        await relay.settle()


async def register(database: Database, number: int = 1) -> int:
    """A new account's id; it has one event."""
    async with database.transaction() as session:
        user = await accounts.register(
            session, email=f"u{number}@example.com", name=f"User {number}", password_hash="none"
        )
    assert user.id is not None
    return user.id


async def rename(database: Database, user_id: int, *names: str) -> None:
    """An event more for each name."""
    for name in names:
        async with database.transaction() as session:
            await accounts.change(session, user_id, ProfilePatch(name=name))


async def streams_left(database: Database, *, leased: bool = False) -> int:
    """How many users' events wait, or are under way."""
    statement = select(func.count(col(OutboxStream.user_id)))
    if leased:
        statement = statement.where(col(OutboxStream.lease_token).is_not(None))
    async with database.orm_read_session() as session:
        return await session.scalar(statement) or 0


async def the_event(database: Database, user_id: int, version: int) -> OutboxEvent:
    statement = select(OutboxEvent).where(
        col(OutboxEvent.user_id) == user_id, col(OutboxEvent.version) == version
    )
    async with database.orm_read_session() as session:
        return (await session.scalars(statement)).one()


def count_of(registry: CollectorRegistry, result: str) -> float:
    """How many deliveries ended so, as the metrics have it."""
    return registry.get_sample_value("event_deliveries_total", {"result": result}) or 0


@asynccontextmanager
async def closing(*relays: Relay) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for relay in relays:
            await relay.close(patience_seconds=0)
