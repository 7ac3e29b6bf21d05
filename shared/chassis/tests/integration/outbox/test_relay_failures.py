"""Events that are refused or fail, and a subscriber that is unavailable."""

import asyncio
import signal
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError
from structlog.types import EventDict
from tests.example.publisher import CONCURRENCY, Outbox

from chassis.db.sessions import WriteSession
from chassis.events.outbox import streams
from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.streams import ALARMING_FAILURES, Lease
from chassis.events.outbox.transport import Answer, Delivered, Failed, Refused


def errors_in(logs: list[EventDict]) -> list[str]:
    return [line["event"] for line in logs if line["log_level"] == "error"]


class TestRefusal:
    async def test_refused_event_is_parked_and_the_next_one_delivered(
        self, outbox: Outbox, logs: list[EventDict]
    ) -> None:
        ada = await outbox.create()
        await outbox.change(ada)
        refusal = Refused("status 400", "no such thing as Ada")
        outbox.transport.answer_by(lambda event: refusal if event.version == 1 else Delivered())
        await outbox.deliver_all()
        assert outbox.transport.calls == [(ada, 1), (ada, 2)]
        assert await outbox.parked() == {(ada, 1): "status 400 no such thing as Ada"}
        assert await outbox.streams_left() == 0
        assert outbox.metric("event_deliveries_total", result="parked") == 1
        assert errors_in(logs) == ["event_parked"]
        assert "no such thing" not in str(logs)  # it may repeat personal data


class TestFailure:
    async def test_failed_event_is_retried_later_and_the_next_one_waits(
        self, outbox: Outbox
    ) -> None:
        ada = await outbox.create()
        await outbox.change(ada)
        outbox.transport.answer(Failed("status 503"))
        await outbox.deliver_all()
        assert outbox.transport.calls == [(ada, 1)]
        assert outbox.metric("event_deliveries_total", result="failed") == 1
        outbox.transport.answer(Delivered())
        await outbox.deliver_all(after_seconds=0.5)
        assert outbox.transport.calls == [(ada, 1), (ada, 1), (ada, 2)]
        assert outbox.transport.taken[ada] == [1, 2]

    async def test_failed_event_waits_as_long_as_the_subscriber_asks(self, outbox: Outbox) -> None:
        await outbox.create()
        outbox.transport.answer(Failed("status 429", retry_after_seconds=20))
        await outbox.deliver_all()
        await outbox.deliver_all(after_seconds=19.9)
        assert len(outbox.transport.calls) == 1
        await outbox.deliver_all(after_seconds=0.1)
        assert len(outbox.transport.calls) == 2

    async def test_failures_of_one_note_delay_no_other(self, outbox: Outbox) -> None:
        poisoned = await outbox.create(0)
        failure = Failed("status 500")
        outbox.transport.answer_by(
            lambda event: failure if event.aggregate_id == poisoned else Delivered()
        )
        for number in range(1, 20):
            note = await outbox.create(number)
            await outbox.deliver_all()
            assert outbox.transport.taken[note] == [1]
            await outbox.tick(30)

    async def test_repeated_failures_are_one_alarm(
        self, outbox: Outbox, logs: list[EventDict]
    ) -> None:
        await outbox.create()
        outbox.transport.answer(Failed("status 500"))
        for _ in range(3 * ALARMING_FAILURES):
            await outbox.deliver_all(after_seconds=30)
        assert len(outbox.transport.calls) == 3 * ALARMING_FAILURES
        assert errors_in(logs) == ["event_delivery_keeps_failing"]

    async def test_delivery_without_memory_ends_the_process(self, outbox: Outbox) -> None:
        async def fail(_: OutboxEvent) -> Answer:
            raise MemoryError

        await outbox.create()
        outbox.transport.behaviour = fail
        is_ending = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, is_ending.set)
        await outbox.deliver_once()
        await is_ending.wait()

    async def test_exception_of_the_transport_is_a_failure(self, outbox: Outbox) -> None:
        ada = await outbox.create()

        def break_down(_: OutboxEvent) -> Answer:
            raise RuntimeError("the signing key can't be read")

        outbox.transport.answer_by(break_down)
        await outbox.deliver_all()
        outbox.transport.answer(Delivered())
        await outbox.deliver_all(after_seconds=0.5)
        assert outbox.transport.taken[ada] == [1]


class TestDeadlock:
    async def test_transaction_that_is_ended_by_a_deadlock_is_repeated(
        self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Deadlock(Exception):
            sqlstate = "40P01"

        failures, lease = [DBAPIError("", None, Deadlock())], streams.lease

        async def deadlocking(session: WriteSession, name: str, **options: Any) -> list[Lease]:
            leases = await lease(session, name, **options)
            if failures:
                raise failures.pop()
            return leases

        monkeypatch.setattr(streams, "lease", deadlocking)
        ada = await outbox.create()
        await outbox.deliver_all()
        assert outbox.transport.taken[ada] == [1]
        assert await outbox.streams_left() == 0


class TestSlowSubscriber:
    async def test_late_answers_halve_the_deliveries_at_the_same_time(
        self, outbox: Outbox, logs: list[EventDict]
    ) -> None:
        await outbox.create_many(20)
        together = asyncio.Barrier(CONCURRENCY)

        async def late(_: OutboxEvent) -> Answer:
            await together.wait()
            return Failed("no answer in time", is_late=True)

        outbox.transport.behaviour = late
        await outbox.deliver_all()
        slow = [line for line in logs if line["event"] == "events_subscriber_is_slow"]
        assert [line["concurrency"] for line in slow] == [CONCURRENCY // 2]
        outbox.transport.answer(Delivered())
        await outbox.tick(30)
        await outbox.deliver_once()  # the probe
        held = outbox.transport.hold(CONCURRENCY // 2)
        before = len(outbox.transport.calls)
        await outbox.relay.work()
        await held.is_asked.wait()
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(outbox.transport.calls) == before + CONCURRENCY // 2
        held.released.set()
        await outbox.deliver_all()
        assert len(outbox.transport.taken) == 20


class TestUnavailableSubscriber:
    @pytest.mark.slow
    async def test_unavailable_subscriber_is_called_a_bounded_number_of_times(
        self, outbox: Outbox, logs: list[EventDict]
    ) -> None:
        """In ten minutes with events of 100 notes: the first few calls and some probes, not 100 times the retries."""
        await outbox.create_many(100)
        outbox.transport.answer(Failed("ConnectError"))
        for _ in range(600):
            await outbox.deliver_all(after_seconds=1)
        # At first as many as run at once; then the pauses double up to 30 seconds. They are random,
        # 15 seconds on average: 600 seconds have hardly ever more than 100.
        assert len(outbox.transport.calls) <= CONCURRENCY + 100
        assert outbox.metric("events_subscriber_available") == 0
        assert errors_in(logs) == ["events_subscriber_is_unavailable"]

    async def test_subscriber_that_is_available_again_gets_everything(
        self, outbox: Outbox, logs: list[EventDict]
    ) -> None:
        notes = await outbox.create_many(50)
        outbox.transport.answer(Failed("ConnectError"))
        for _ in range(60):
            await outbox.deliver_all(after_seconds=1)
        outbox.transport.answer(Delivered())
        for _ in range(2):  # the second time for the streams that had failed themselves
            await outbox.deliver_all(after_seconds=30)
        assert outbox.transport.taken == {note: [1] for note in notes}
        assert outbox.metric("events_subscriber_available") == 1
        assert logs[-1]["event"] == "events_subscriber_is_available"

    async def test_probe_is_one_delivery(self, outbox: Outbox) -> None:
        await outbox.create_many(20)
        outbox.transport.answer(Failed("ConnectError"))
        await outbox.deliver_all()
        before = len(outbox.transport.calls)
        held = outbox.transport.hold()
        await outbox.tick(30)
        await outbox.relay.work()
        await held.is_asked.wait()
        for _ in range(2):
            await outbox.relay.work()
        assert len(outbox.transport.calls) == before + 1
        held.released.set()
