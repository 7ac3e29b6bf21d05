"""The relay: leases streams, delivers their events in order, and records what came of it.

It is a `BackgroundTask`'s work. One unit is one transaction: what has been delivered since the last
one is recorded, and as many streams are leased as there is room for. Deliveries run beside it, and
no transaction is open while they do.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from app.models import OutboxEvent
from app.outbox import streams
from app.outbox.gate import SinkGate, State
from app.outbox.metrics import DeliveryMetrics
from app.outbox.sink import Answer, Delivered, Failed, Refused, Sink
from app.outbox.streams import ALARMING_FAILURES, Lease, Outcome
from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.http.backoff import full_jitter

logger = structlog.get_logger(__name__)

_FIRST_BACKOFF_SECONDS = 0.5
_LEAST_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class RelaySettings:
    concurrency: int
    """Deliveries at the same time."""
    deadline_seconds: float
    """For each delivery."""
    lease_seconds: float
    poll_seconds: float
    """How often to look for events when nothing wakes it."""
    most_backoff_seconds: float


class Relay:
    """One of any number of relays on the same outbox."""

    def __init__(
        self,
        database: Database,
        sink: Sink,
        settings: RelaySettings,
        metrics: DeliveryMetrics,
    ) -> None:
        self.on_room: Callable[[], None] = lambda: None
        """Called when a delivery has ended: there is something to record, and room for another."""
        self._database = database
        self._sink = sink
        self._settings = settings
        self._metrics = metrics
        self._gate = SinkGate(most_pause_seconds=settings.most_backoff_seconds)
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._deliveries: set[asyncio.Task[None]] = set()
        self._outcomes: list[Outcome] = []
        self._is_stopping = False

    async def work(self) -> float:
        """Record, lease and start to deliver, once. Returns the seconds until there may be more to do.

        Raises whatever the database raises. What is to be recorded is kept for the next time.
        """
        if not self._outcomes and (seconds := await self._seconds_until_due()) > 0:
            return seconds
        outcomes, room, is_probe = list(self._outcomes), self._room(), not self._gate.is_open
        leases: list[Lease] = []
        events: dict[int, list[OutboxEvent]] = {}
        async with self._database.transaction() as session:
            lost = await streams.record(session, outcomes)
            if room:
                lease_seconds = self._settings.lease_seconds
                leases = await streams.lease(session, limit=room, seconds=lease_seconds)
                events = await streams.pending_events(session, [each.user_id for each in leases])
        del self._outcomes[: len(outcomes)]
        for each in lost:
            logger.warning("events_lease_lost", user_id=each.user_id)
        for each in leases:
            self._start(each, events.get(each.user_id, []), is_probe=is_probe)
        # Those that are due and weren't leased are locked, by whoever just adds an event.
        return max(await self._seconds_until_due(), _LEAST_PAUSE_SECONDS)

    @property
    def is_idle(self) -> bool:
        """Nothing is under way, and nothing has to be recorded."""
        return not self._deliveries and not self._outcomes

    async def settle(self) -> None:
        """Wait for the deliveries under way. Their outcomes are recorded by the next `work`."""
        if self._deliveries:
            await asyncio.wait(self._deliveries)

    def stop(self) -> None:
        """Begin no other delivery."""
        self._is_stopping = True

    async def close(self, *, patience_seconds: float) -> None:
        """Stop, wait for the deliveries under way, and give every lease back."""
        self.stop()
        if self._deliveries:
            _, late = await asyncio.wait(self._deliveries, timeout=patience_seconds)
            for delivery in late:
                delivery.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        try:
            async with self._database.transaction() as session:
                await streams.record(session, self._outcomes)
        except Exception as error:  # noqa: BLE001 - whatever it is: the leases end by themselves
            logger.warning(
                "events_leases_not_given_back", reason=f"{type(error).__name__}: {error}"
            )

    def _room(self) -> int:
        """How many streams more it makes sense to lease now."""
        if self._gate.state is State.PROBING:
            return 0 if self._deliveries else 1
        if self._is_stopping or not self._gate.is_open:
            return 0
        # Some wait for a slot, so that no slot waits for the database.
        return max(2 * self._settings.concurrency - len(self._deliveries), 0)

    async def _seconds_until_due(self) -> float:
        poll_seconds = self._settings.poll_seconds
        if self._gate.state is State.PAUSED:
            return self._gate.pause_seconds  # 0 when it ends just now: there is more to do
        if not self._room():
            return poll_seconds
        async with self._database.orm_read_session() as session:
            due_at = await streams.next_due_at(session)
        if due_at is None:
            return poll_seconds
        return min(max((due_at - utc_now()).total_seconds(), 0.0), poll_seconds)

    def _start(self, lease: Lease, events: Sequence[OutboxEvent], *, is_probe: bool) -> None:
        delivery = asyncio.create_task(self._deliver(Outcome(lease), events, is_probe))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._ended)

    def _ended(self, delivery: asyncio.Task[None]) -> None:
        self._deliveries.discard(delivery)
        # While some still wait for a slot there is no hurry: one transaction for several is cheaper.
        if len(self._deliveries) <= self._settings.concurrency:
            self.on_room()

    async def _deliver(
        self, outcome: Outcome, events: Sequence[OutboxEvent], is_probe: bool
    ) -> None:
        try:
            async with self._slots:
                for event in events:
                    if not self._may_deliver(outcome.lease, is_probe):
                        break
                    if not self._take(event, await self._answer(event), outcome):
                        break
        finally:
            # Also when it is cancelled: what has been delivered is.
            self._outcomes.append(outcome)

    def _may_deliver(self, lease: Lease, is_probe: bool) -> bool:
        deadline = utc_now() + timedelta(seconds=self._settings.deadline_seconds)
        is_wanted = self._gate.is_open or (is_probe and self._gate.state is State.PROBING)
        return is_wanted and not self._is_stopping and deadline < lease.ends_at

    async def _answer(self, event: OutboxEvent) -> Answer:
        try:
            return await self._sink.deliver(event)
        except Exception as error:  # such as a signing key that can't be read
            # What goes on is an alarm below, once: see `_note_failure`.
            logger.warning("event_delivery_broken", event_id=event.event_id, exc_info=error)
            return Failed(type(error).__name__)

    def _take(self, event: OutboxEvent, answer: Answer, outcome: Outcome) -> bool:
        """Note what came of one delivery. True: go on with the next event."""
        assert event.id is not None  # noqa: S101 - it comes from the database
        self._metrics.observe(event, answer)
        match answer:
            case Delivered():
                outcome.delivered_ids.append(event.id)
            case Refused():
                outcome.parked[event.id] = answer.text
                logger.error("event_parked", event_id=event.event_id, reason=answer.reason)
            case Failed():
                self._note_failure(event, answer, outcome)
                return False
        if self._gate.answered():
            logger.info("events_sink_is_back")
            self._metrics.sink_is_available(True)
        return True

    def _note_failure(self, event: OutboxEvent, answer: Failed, outcome: Outcome) -> None:
        outcome.error = answer.text
        backoff_seconds = full_jitter(
            outcome.failures,
            first_seconds=_FIRST_BACKOFF_SECONDS,
            most_seconds=self._settings.most_backoff_seconds,
        )
        outcome.retry_in_seconds = max(backoff_seconds, answer.retry_after_seconds or 0.0)
        if self._gate.failed(event.user_id, answer.retry_after_seconds):
            self._metrics.sink_is_available(False)
            log = logger.error if self._gate.pauses_in_a_row == ALARMING_FAILURES else logger.info
            log(
                "events_sink_is_away",
                reason=answer.reason,
                pauses_in_a_row=self._gate.pauses_in_a_row,
                again_in_seconds=round(self._gate.pause_seconds, 2),
            )
        elif self._gate.is_open and outcome.failures == ALARMING_FAILURES:
            logger.error(
                "event_delivery_keeps_failing",
                event_id=event.event_id,
                user_id=event.user_id,
                reason=answer.reason,
            )
