"""The metrics of this service, in addition to those of every service (`chassis.ops.metrics`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge

from app.events.user_events import USER_EVENT_TYPES
from app.repositories.item_removals import ItemRemovalQueries
from chassis.db.columns import utc_now
from chassis.events.cloudevents import MalformedEvent
from chassis.web.errors import UnsupportedMediaType
from chassis.web.state import ServiceState, get_database


class RemovalGauges:
    """The deleted owners whose items are still to be deleted; the same values in every replica."""

    def __init__(self, registry: CollectorRegistry) -> None:
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

    async def measure(self, state: ServiceState) -> None:
        """A `chassis.ops.metrics.Measure`. The values are unknown (NaN) after an error."""
        self._set(nan, nan)
        backlog = await ItemRemovalQueries(get_database(state).read_session()).backlog()
        age = (utc_now() - backlog.oldest).total_seconds() if backlog.oldest else 0.0
        self._set(backlog.waiting, max(age, 0.0))

    def _set(self, waiting: float, oldest: float) -> None:
        self._waiting.set(waiting)
        self._oldest.set(oldest)


class EventMetrics:
    """The events that were received."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._received = Counter(
            "events_received_total", "Events received.", ("type", "result"), registry=registry
        )

    def count(self, event_type: str, result: str) -> None:
        # A sender may write any type: all unknown types share one series.
        known = event_type if event_type in USER_EVENT_TYPES else "other"
        self._received.labels(known, result).inc()

    @contextmanager
    def counting_malformed(self, event_type: str = "other") -> Iterator[None]:
        """Count the event if the block finds it malformed."""
        try:
            yield
        except (MalformedEvent, UnsupportedMediaType):
            self.count(event_type, "malformed")
            raise
