"""What this service counts beside its requests, which the chassis does (names: Prometheus's own rules)."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import func, select
from sqlmodel import col

from app.models import ItemRemoval
from app.user_events import USER_EVENT_TYPES
from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.events.cloudevents import MalformedEvent
from chassis.http.circuit_breaker import CircuitBreaker
from chassis.http.guarded_calls import CallFailed

_STATES = {"closed": 0, "half_open": 1, "open": 2}


class UsersMetrics:
    """The calls to the users service."""

    def __init__(self) -> None:
        self._calls = Counter(
            "users_calls_total",
            "Calls to the users service, each attempt counted.",
            ("result",),
            registry=None,
        )
        self._breakers = Gauge(
            "circuit_breaker_state",
            "Whether calls of a kind are made: 0 yes (closed), 1 one to try (half-open), 2 none (open).",
            ("calls",),
            registry=None,
        )

    def register(self, registry: CollectorRegistry) -> None:
        registry.register(self._calls)
        registry.register(self._breakers)

    def watch_breaker(self, calls: str, breaker: CircuitBreaker) -> None:
        self._breakers.labels(calls).set_function(lambda: _STATES[breaker.state])

    @contextmanager
    def counting_call(self) -> Iterator[None]:
        """Count the call that the block makes: as answered, as failed, or as given up by its caller."""
        result = "given_up"
        try:
            yield
            result = "answered"
        except CallFailed:
            result = "failed"
            raise
        finally:
            self._calls.labels(result).inc()


class RemovalGauges:
    """What is still to be deleted: the same from every replica."""

    def __init__(self, database: Database, registry: CollectorRegistry) -> None:
        self._database = database
        self._waiting = Gauge(
            "item_removals_waiting",
            "Deleted owners whose items are still there.",
            registry=registry,
        )
        self._oldest = Gauge(
            "item_removals_oldest_age_seconds",
            "Time since the first of them was deleted; 0 when there is none.",
            registry=registry,
        )

    async def refresh(self) -> None:
        """Look at the database. Raises whatever that raises; the values are unknown (NaN) then."""
        self._set(nan, nan)
        async with self._database.orm_read_session() as session:
            found = (await session.execute(_REMOVALS)).one()
        age = (utc_now() - found.oldest).total_seconds() if found.oldest else 0.0
        self._set(found.waiting, max(age, 0.0))

    def _set(self, waiting: float, oldest: float) -> None:
        self._waiting.set(waiting)
        self._oldest.set(oldest)


_REMOVALS = select(
    func.count().label("waiting"), func.min(col(ItemRemoval.requested_at)).label("oldest")
).select_from(ItemRemoval)


class EventMetrics:
    """The events that came in."""

    def __init__(self) -> None:
        self._received = Counter(
            "events_received_total", "Events received.", ("type", "result"), registry=None
        )

    def register(self, registry: CollectorRegistry) -> None:
        registry.register(self._received)

    def count(self, event_type: str, result: str) -> None:
        # A sender may write any type: those that this service doesn't know share one series.
        known = event_type if event_type in USER_EVENT_TYPES else "other"
        self._received.labels(known, result).inc()

    @contextmanager
    def counting_malformed(self, event_type: str = "other") -> Iterator[None]:
        """Count the event if the block finds it malformed."""
        try:
            yield
        except MalformedEvent:
            self.count(event_type, "malformed")
            raise
