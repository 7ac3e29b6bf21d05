"""What operators see of the outbox (Prometheus)."""

from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy import func, select, text
from sqlmodel import col

from app.models import PENDING, OutboxEvent, OutboxStream
from app.outbox.sink import Answer, Delivered, Failed
from app.outbox.streams import ALARMING_FAILURES
from chassis.db.columns import utc_now
from chassis.db.database import Database

_DELAY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0)
_DELIVERED, _PARKED, _FAILED = "delivered", "parked", "failed"


class DeliveryMetrics:
    """What this process's relay does."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._deliveries = Counter(
            "event_deliveries_total",
            "Deliveries of events that were tried: delivered, parked or failed.",
            ("result",),
            registry=registry,
        )
        for result in (_DELIVERED, _PARKED, _FAILED):
            self._deliveries.labels(result)  # so that the first one is an increase
        self._delay = Histogram(
            "event_delivery_delay_seconds",
            "Time from the change of an account until its event was delivered.",
            buckets=_DELAY_BUCKETS,
            registry=registry,
        )
        self._sink_available = Gauge(
            "events_sink_available",
            "0 while deliveries pause because the sink is away, else 1.",
            registry=registry,
        )
        self._sink_available.set(1)

    def observe(self, event: OutboxEvent, answer: Answer) -> None:
        match answer:
            case Delivered():
                self._deliveries.labels(_DELIVERED).inc()
                self._delay.observe(max((utc_now() - event.occurred_at).total_seconds(), 0.0))
            case Failed():
                self._deliveries.labels(_FAILED).inc()
            case _:
                self._deliveries.labels(_PARKED).inc()

    def sink_is_available(self, is_available: bool) -> None:
        self._sink_available.set(is_available)


class OutboxGauges:
    """What the database holds: the same from every replica."""

    def __init__(self, database: Database, registry: CollectorRegistry) -> None:
        self._database = database
        self._depth = Gauge(
            "events_outbox_depth", "Events that wait for their delivery.", registry=registry
        )
        self._oldest = Gauge(
            "events_oldest_age_seconds",
            "Age of the oldest event that waits; 0 when none does.",
            registry=registry,
        )
        self._parked = Gauge(
            "events_parked", "Events that the sink refused, kept for a person.", registry=registry
        )
        self._failing = Gauge(
            "events_failing_streams",
            f"Users whose next event failed {ALARMING_FAILURES} times in a row or more.",
            registry=registry,
        )

    async def refresh(self) -> None:
        """Look at the database. Raises whatever that raises; the values are unknown (NaN) then."""
        self._set(nan, nan, nan, nan)
        async with self._database.orm_read_session() as session:
            pending = (await session.execute(_PENDING_EVENTS)).one()
            parked = await session.scalar(_PARKED_EVENTS)
            failing = await session.scalar(_FAILING_STREAMS)
        age = (utc_now() - pending.oldest).total_seconds() if pending.oldest else 0.0
        self._set(pending.depth, max(age, 0.0), parked or 0, failing or 0)

    def _set(self, depth: float, oldest: float, parked: float, failing: float) -> None:
        self._depth.set(depth)
        self._oldest.set(oldest)
        self._parked.set(parked)
        self._failing.set(failing)


_PENDING_EVENTS = select(
    func.count().label("depth"), func.min(col(OutboxEvent.occurred_at)).label("oldest")
).where(text(PENDING))
_PARKED_EVENTS = select(func.count()).where(col(OutboxEvent.parked_at).is_not(None))
_FAILING_STREAMS = select(func.count()).where(col(OutboxStream.failures) >= ALARMING_FAILURES)
