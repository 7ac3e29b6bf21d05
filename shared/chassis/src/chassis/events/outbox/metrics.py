"""Metrics of the outbox, labelled by subscriber."""

from collections.abc import Sequence
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from chassis.db.columns import utc_now
from chassis.events.outbox.administration import overview
from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.streams import ALARMING_FAILURES
from chassis.events.outbox.transport import Answer, Delivered, Failed, Refused
from chassis.ops.metrics import Measure
from chassis.web.state import ServiceState, get_database

_DELAY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0)


class DeliveryMetrics:
    """What the relays of this process do."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._deliveries = Counter(
            "event_deliveries_total",
            "Attempts to deliver an event: delivered, parked or failed.",
            ("subscriber", "result"),
            registry=registry,
        )
        self._delay = Histogram(
            "event_delivery_delay_seconds",
            "Time from a change until its event was delivered.",
            ("subscriber",),
            buckets=_DELAY_BUCKETS,
            registry=registry,
        )
        self._available = Gauge(
            "events_subscriber_available",
            "0 while deliveries pause because the subscriber is unavailable, else 1.",
            ("subscriber",),
            registry=registry,
        )

    def begin(self, subscriber: str) -> None:
        """Publish all series of a subscriber, so that its first delivery is an increase."""
        self.set_available(subscriber, True)
        for answer in (Delivered, Refused, Failed):
            self._deliveries.labels(subscriber, answer.result)

    def observe(self, subscriber: str, event: OutboxEvent, answer: Answer) -> None:
        self._deliveries.labels(subscriber, answer.result).inc()
        if isinstance(answer, Delivered):
            seconds = (utc_now() - event.occurred_at).total_seconds()
            self._delay.labels(subscriber).observe(max(seconds, 0.0))

    def set_available(self, subscriber: str, is_available: bool) -> None:
        self._available.labels(subscriber).set(is_available)


def measure_outbox(registry: CollectorRegistry, subscribers: Sequence[str]) -> Measure:
    """Gauges of the outbox in the database: the same from every replica."""
    texts = {
        "events_outbox_depth": "Events that wait for their delivery.",
        "events_oldest_age_seconds": "Age of the oldest event that waits; 0 when none does.",
        "events_parked": "Events that the subscriber refused, stored for an operator.",
        "events_failing_streams": "Streams whose next event failed "
        f"{ALARMING_FAILURES} times in a row or more.",
    }
    gauges = [Gauge(name, text, ("subscriber",), registry=registry) for name, text in texts.items()]

    def set_all(subscriber: str, *values: float) -> None:
        for gauge, value in zip(gauges, values, strict=True):
            gauge.labels(subscriber).set(value)

    async def measure(state: ServiceState) -> None:
        for subscriber in subscribers:
            set_all(subscriber, nan, nan, nan, nan)
        seen = await overview(get_database(state).read_session(), failures=ALARMING_FAILURES)
        for gauge in gauges:
            gauge.clear()  # a subscriber may have been removed
        for each in seen:
            age = (utc_now() - each.oldest).total_seconds() if each.oldest else 0.0
            set_all(each.subscriber, each.pending, max(age, 0.0), each.parked, each.failing)

    return measure
