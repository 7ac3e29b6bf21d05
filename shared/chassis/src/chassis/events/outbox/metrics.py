"""Metrics of the outbox, labelled by subscriber."""

from collections.abc import Sequence
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from chassis.db.columns import utc_now
from chassis.events.outbox.administration import overview
from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.streams import ALARMING_FAILURES
from chassis.events.outbox.transport import Answer, Delivered, Failed
from chassis.web.state import ServiceState

_DELAY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0)
_DELIVERED, _PARKED, _FAILED = "delivered", "parked", "failed"


class DeliveryMetrics:
    """What the relays of this process do."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.deliveries = Counter(
            "event_deliveries_total",
            "Attempts to deliver an event: delivered, parked or failed.",
            ("subscriber", "result"),
            registry=registry,
        )
        self.delay = Histogram(
            "event_delivery_delay_seconds",
            "Time from a change until its event was delivered.",
            ("subscriber",),
            buckets=_DELAY_BUCKETS,
            registry=registry,
        )
        self.available = Gauge(
            "events_subscriber_available",
            "0 while deliveries pause because the subscriber is unavailable, else 1.",
            ("subscriber",),
            registry=registry,
        )

    def of_subscriber(self, subscriber: str) -> "SubscriberMetrics":
        return SubscriberMetrics(self, subscriber)


class SubscriberMetrics:
    """The deliveries to one subscriber."""

    def __init__(self, metrics: DeliveryMetrics, subscriber: str) -> None:
        # Made now, so that the first delivery is an increase.
        self._results = {
            result: metrics.deliveries.labels(subscriber, result)
            for result in (_DELIVERED, _PARKED, _FAILED)
        }
        self._delay = metrics.delay.labels(subscriber)
        self._available = metrics.available.labels(subscriber)
        self._available.set(1)

    def observe(self, event: OutboxEvent, answer: Answer) -> None:
        match answer:
            case Delivered():
                self._results[_DELIVERED].inc()
                self._delay.observe(max((utc_now() - event.occurred_at).total_seconds(), 0.0))
            case Failed():
                self._results[_FAILED].inc()
            case _:
                self._results[_PARKED].inc()

    def set_available(self, is_available: bool) -> None:
        self._available.set(is_available)


class OutboxGauges:
    """The state of the outbox in the database: the same from every replica."""

    def __init__(self, registry: CollectorRegistry, subscribers: Sequence[str]) -> None:
        self._subscribers = subscribers
        names = {
            "events_outbox_depth": "Events that wait for their delivery.",
            "events_oldest_age_seconds": "Age of the oldest event that waits; 0 when none does.",
            "events_parked": "Events that the subscriber refused, kept for an operator.",
            "events_failing_streams": "Streams whose next event failed "
            f"{ALARMING_FAILURES} times in a row or more.",
        }
        self._gauges = [
            Gauge(name, text, ("subscriber",), registry=registry) for name, text in names.items()
        ]

    async def refresh(self, state: ServiceState) -> None:
        """Read the database (a `Measure`). When that raises, the values are unknown (NaN)."""
        for subscriber in self._subscribers:
            self._set(subscriber, nan, nan, nan, nan)
        seen = await overview(state.database.read_session(), failures=ALARMING_FAILURES)
        for gauge in self._gauges:
            gauge.clear()  # a subscriber may have been removed
        for each in seen:
            age = (utc_now() - each.oldest).total_seconds() if each.oldest else 0.0
            self._set(each.subscriber, each.pending, max(age, 0.0), each.parked, each.failing)

    def _set(self, subscriber: str, *values: float) -> None:
        for gauge, value in zip(self._gauges, values, strict=True):
            gauge.labels(subscriber).set(value)
