"""Sinks that remember what they were sent, and relays that deliver to them."""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from app import accounts
from app.models import OutboxEvent
from app.outbox.metrics import DeliveryMetrics
from app.outbox.relay import Relay, RelaySettings
from app.outbox.sink import Answer, Delivered, Sink
from chassis.database import Database
from service_testing.contracts.stand_ins import gives

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
        gives("POST", "/events/", 204)
    elif answer.reason.startswith("status "):
        gives("POST", "/events/", int(answer.reason.removeprefix("status ")))


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
            await accounts.change(session, user_id, {"name": name})


@asynccontextmanager
async def closing(*relays: Relay) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for relay in relays:
            await relay.close(patience_seconds=0)
