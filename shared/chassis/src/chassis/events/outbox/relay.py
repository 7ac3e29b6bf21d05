"""The relay of one subscriber: leases streams, delivers their events in order, and records the results.

It is the work of a `BackgroundTask`. One unit of work is one transaction: it gives the leases back whose
deliveries have ended, and leases as many streams as there is room for. No transaction is open during a delivery.
"""

import asyncio
import time
from collections.abc import Callable

import structlog

from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.events.outbox import streams
from chassis.events.outbox.gate import State, SubscriberGate
from chassis.events.outbox.metrics import DeliveryMetrics
from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.settings import PublisherSettings
from chassis.events.outbox.slots import Slots
from chassis.events.outbox.streams import ALARMING_FAILURES, Lease
from chassis.events.outbox.subscribers import register_subscriber
from chassis.events.outbox.transport import (
    MAX_RETRY_AFTER_SECONDS,
    Answer,
    Failed,
    Refused,
    Transport,
)
from chassis.http.backoff import full_jitter
from chassis.ops.background import end_if_out_of_memory

logger = structlog.get_logger(__name__)

LEASE_DEADLINES = 3
"""A lease lasts as long as this many of the slowest deliveries. After a relay is killed, its events wait that long."""
_FIRST_BACKOFF_SECONDS = 0.5
_LEAST_PAUSE_SECONDS = 0.05


class Relay:
    """One of any number of relays on the same outbox."""

    def __init__(
        self,
        database: Database,
        subscriber: str,
        transport: Transport,
        settings: PublisherSettings,
        metrics: DeliveryMetrics,
        *,
        poll_seconds: float,
    ) -> None:
        """It looks for events every `poll_seconds` when nothing wakes it."""
        self.on_room: Callable[[], None] = lambda: None
        """Called when a delivery has ended: there is a lease to give back, and room for another."""
        self._database = database
        self._subscriber = subscriber
        self._transport = transport
        self._settings = settings
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._lease_seconds = LEASE_DEADLINES * settings.events_deadline_seconds
        # No relay puts a stream off for longer.
        self._horizon_seconds = max(
            settings.events_max_backoff_seconds, MAX_RETRY_AFTER_SECONDS, self._lease_seconds
        )
        self._gate = SubscriberGate(most_pause_seconds=settings.events_max_backoff_seconds)
        self._slots = Slots(settings.events_concurrency)
        self._deliveries: set[asyncio.Task[None]] = set()
        self._ended: list[Lease] = []
        self._is_registered = False
        self._is_stopping = False
        self._log = logger.bind(subscriber=subscriber)
        metrics.begin(subscriber)

    async def work(self) -> float:
        """Give back, lease and start to deliver, once. Returns the seconds until there may be more to do.

        Exceptions of the database are raised. The next call gives back what this one couldn't.
        """
        await self._register()
        if not self._ended and (seconds := await self._seconds_until_due()) > 0:
            return seconds
        ended, room, is_probe = list(self._ended), self._room(), not self._gate.is_open

        async def give_back_and_lease(session: WriteSession) -> tuple[list[Lease], list[Lease]]:
            lost = await streams.give_back(session, self._subscriber, ended)
            if not room:
                return lost, []
            return lost, await streams.lease(
                session,
                self._subscriber,
                limit=room,
                seconds=self._lease_seconds,
                horizon_seconds=self._horizon_seconds,
            )

        lost, leases = await self._database.transact(give_back_and_lease)
        del self._ended[: len(ended)]
        for each in lost:
            self._log.warning("events_lease_lost", aggregate_id=each.aggregate_id)
        for each in leases:
            delivery = asyncio.create_task(self._deliver(each, is_probe))
            self._deliveries.add(delivery)
            delivery.add_done_callback(self._make_room)
        # Streams that are due but weren't leased are locked by transactions that add an event.
        return max(await self._seconds_until_due(), _LEAST_PAUSE_SECONDS)

    @property
    def is_idle(self) -> bool:
        """No delivery is under way, and no lease has to be given back."""
        return not self._deliveries and not self._ended

    async def settle(self) -> None:
        """Wait for the deliveries under way. The next `work` records their results."""
        if self._deliveries:
            await asyncio.wait(self._deliveries)

    def stop(self) -> None:
        """Start no other delivery."""
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
                await streams.give_back(session, self._subscriber, self._ended)
        except Exception as error:  # noqa: BLE001 - in any case, the leases end by themselves
            reason = f"{type(error).__name__}: {error}"
            self._log.warning("events_leases_not_given_back", reason=reason)

    async def _register(self) -> None:
        if self._is_registered:
            return
        async with self._database.transaction() as session:
            is_new = await register_subscriber(session, self._subscriber)
        self._is_registered = True
        if is_new:
            self._log.info("events_subscriber_registered")

    def _room(self) -> int:
        """How many more streams to lease now."""
        if self._gate.state is State.PROBING:
            return 0 if self._deliveries else 1
        if self._is_stopping or not self._gate.is_open:
            return 0
        # Some leased streams wait for a slot, so that no slot waits for the database.
        return max(2 * self._slots.count - len(self._deliveries), 0)

    async def _seconds_until_due(self) -> float:
        if self._gate.state is State.PAUSED:
            return self._gate.pause_seconds  # 0 when it ends just now: there is more to do
        if not self._room():
            return self._poll_seconds
        session, horizon_seconds = self._database.read_session(), self._horizon_seconds
        seconds = await streams.seconds_until_due(
            session, self._subscriber, horizon_seconds=horizon_seconds
        )
        if seconds is None:
            return self._poll_seconds
        return min(max(seconds, 0.0), self._poll_seconds)

    def _make_room(self, delivery: asyncio.Task[None]) -> None:
        self._deliveries.discard(delivery)
        # While others wait for a slot there is no hurry: one transaction for several is cheaper.
        if len(self._deliveries) <= self._slots.count:
            self.on_room()

    async def _deliver(self, lease: Lease, is_probe: bool) -> None:
        try:
            async with self._slots.taken() as slots_at_begin:
                for event in lease.events:
                    if not self._may_deliver(lease, is_probe):
                        break
                    answer = await self._answer(event)
                    self._pace(answer, slots_at_begin)
                    if not self._take(event, answer, lease):
                        break
        finally:
            # Also when it is cancelled: earlier events have been delivered.
            self._ended.append(lease)

    def _may_deliver(self, lease: Lease, is_probe: bool) -> bool:
        deadline = time.monotonic() + self._settings.events_deadline_seconds
        is_wanted = self._gate.is_open or (is_probe and self._gate.state is State.PROBING)
        return is_wanted and not self._is_stopping and deadline < lease.ends_at

    async def _answer(self, event: OutboxEvent) -> Answer:
        try:
            return await self._transport.deliver(event)
        except Exception as error:  # noqa: BLE001 - such as a signing key that can't be read
            end_if_out_of_memory(error)
            # If it persists, it becomes one alarm: see `_note_failure`.
            self._log.warning("event_delivery_broken", event_id=event.event_id, exc_info=error)
            return Failed(type(error).__name__)

    def _pace(self, answer: Answer, slots_at_begin: int) -> None:
        is_late = isinstance(answer, Failed) and answer.is_late
        if self._slots.note(is_late=is_late, count_at_begin=slots_at_begin):
            self._log.warning("events_subscriber_is_slow", concurrency=self._slots.count)

    def _take(self, event: OutboxEvent, answer: Answer, lease: Lease) -> bool:
        """Note the result of one delivery. True: go on with the next event."""
        self._metrics.observe(self._subscriber, event, answer)
        if isinstance(answer, Failed):
            self._note_failure(event, answer, lease)
            return False
        if isinstance(answer, Refused):
            lease.parked[event.id] = answer.text
            self._log.error("event_parked", event_id=event.event_id, reason=answer.reason)
        lease.finish(event)
        if self._gate.answered():
            self._log.info("events_subscriber_is_available")
            self._metrics.set_available(self._subscriber, True)
        return True

    def _note_failure(self, event: OutboxEvent, answer: Failed, lease: Lease) -> None:
        backoff_seconds = full_jitter(
            lease.failures + 1,
            first_seconds=_FIRST_BACKOFF_SECONDS,
            most_seconds=self._settings.events_max_backoff_seconds,
        )
        retry_in_seconds = max(backoff_seconds, answer.retry_after_seconds or 0.0)
        # Another relay may try at once what failed because of this one.
        own = answer.is_due_to_relay
        lease.fail(answer.text, retry_in_seconds=0.0 if own else retry_in_seconds)
        if self._gate.failed(event.aggregate_id, answer.retry_after_seconds, is_due_to_relay=own):
            self._note_pause(answer)
        elif self._gate.is_open and lease.failures == ALARMING_FAILURES:
            self._log.error(
                "event_delivery_keeps_failing",
                event_id=event.event_id,
                aggregate_id=event.aggregate_id,
                reason=answer.reason,
            )

    def _note_pause(self, answer: Failed) -> None:
        self._metrics.set_available(self._subscriber, False)
        is_alarming = self._gate.pauses_in_a_row == ALARMING_FAILURES
        log = self._log.error if is_alarming else self._log.info
        log(
            "events_subscriber_is_unavailable",
            reason=answer.reason,
            pauses_in_a_row=self._gate.pauses_in_a_row,
            again_in_seconds=round(self._gate.pause_seconds, 2),
        )
