"""What the relay does with an event that is refused or fails, and with a sink that is away."""

import pytest
from prometheus_client import CollectorRegistry
from structlog.types import EventDict
from tests.example.publisher import (
    READER,
    SETTINGS,
    FakeTransport,
    Held,
    change,
    count_of,
    create,
    deliver_all,
    parked,
    streams_left,
)

from chassis.db.database import Database
from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.relay import Relay
from chassis.events.outbox.streams import ALARMING_FAILURES
from chassis.events.outbox.transport import Answer, Delivered, Failed, Refused
from service_testing.frozen_time import FrozenTime


class TestRefusal:
    async def test_refused_event_is_parked_and_the_next_one_delivered(
        self,
        outbox: Database,
        relay: Relay,
        transport: FakeTransport,
        registry: CollectorRegistry,
        logs: list[EventDict],
    ) -> None:
        ada = await create(outbox)
        await change(outbox, ada)

        async def behave(event: OutboxEvent) -> Answer:
            is_first = event.version == 1
            return Refused("status 400", "no such thing as Ada") if is_first else Delivered()

        transport.behaviour = behave
        await deliver_all(relay)
        assert transport.calls == [(ada, 1), (ada, 2)]
        assert await parked(outbox) == {(ada, 1): "status 400 no such thing as Ada"}
        assert await streams_left(outbox) == 0
        assert count_of(registry, "parked") == 1
        (line,) = (line for line in logs if line["log_level"] == "error")
        # What the sink said may repeat personal data.
        assert (line["event"], line["reason"]) == ("event_parked", "status 400")


class TestFailure:
    async def test_failed_event_is_tried_again_later_and_the_next_one_waits(
        self,
        outbox: Database,
        relay: Relay,
        transport: FakeTransport,
        registry: CollectorRegistry,
        frozen_time: FrozenTime,
    ) -> None:
        ada = await create(outbox)
        await change(outbox, ada)
        transport.answer(Failed("status 503"))
        await deliver_all(relay)
        assert transport.calls == [(ada, 1)]
        assert count_of(registry, "failed") == 1
        transport.answer(Delivered())
        frozen_time.tick(0.5)
        await deliver_all(relay)
        assert transport.calls == [(ada, 1), (ada, 1), (ada, 2)]
        assert transport.taken[ada] == [1, 2]

    async def test_failed_event_waits_as_long_as_the_sink_asks(
        self, outbox: Database, relay: Relay, transport: FakeTransport, frozen_time: FrozenTime
    ) -> None:
        await create(outbox)
        transport.answer(Failed("status 429", retry_after_seconds=20))
        await deliver_all(relay)
        frozen_time.tick(19.9)
        await deliver_all(relay)
        assert len(transport.calls) == 1
        frozen_time.tick(0.1)
        await deliver_all(relay)
        assert len(transport.calls) == 2

    async def test_failure_of_one_note_s_event_holds_up_no_other(
        self, outbox: Database, relay: Relay, transport: FakeTransport, frozen_time: FrozenTime
    ) -> None:
        poisoned = await create(outbox, 0)

        async def behave(event: OutboxEvent) -> Answer:
            return Failed("status 500") if event.aggregate_id == poisoned else Delivered()

        transport.behaviour = behave
        for number in range(1, 20):
            note_id = await create(outbox, number)
            await deliver_all(relay)
            assert transport.taken[note_id] == [1]
            frozen_time.tick(30)

    async def test_retries_that_go_on_are_one_alarm_and_not_one_each(
        self,
        outbox: Database,
        relay: Relay,
        transport: FakeTransport,
        frozen_time: FrozenTime,
        logs: list[EventDict],
    ) -> None:
        await create(outbox)
        transport.answer(Failed("status 500"))
        for _ in range(3 * ALARMING_FAILURES):
            await deliver_all(relay)
            frozen_time.tick(30)
        assert len(transport.calls) == 3 * ALARMING_FAILURES
        errors = [line["event"] for line in logs if line["log_level"] == "error"]
        assert errors == ["event_delivery_keeps_failing"]

    async def test_sink_that_breaks_is_a_failure_like_another(
        self, outbox: Database, relay: Relay, transport: FakeTransport, frozen_time: FrozenTime
    ) -> None:
        ada = await create(outbox)

        async def break_down(_: OutboxEvent) -> Answer:
            raise RuntimeError("the signing key can't be read")

        transport.behaviour = break_down
        await deliver_all(relay)
        transport.answer(Delivered())
        frozen_time.tick(0.5)
        await deliver_all(relay)
        assert transport.taken[ada] == [1]


class TestSinkAway:
    @pytest.mark.slow
    async def test_sink_that_is_away_is_called_a_bounded_number_of_times(
        self,
        outbox: Database,
        relay: Relay,
        transport: FakeTransport,
        registry: CollectorRegistry,
        frozen_time: FrozenTime,
        logs: list[EventDict],
    ) -> None:
        """100 users' events, ten minutes: not 100 x retries, but the first few and some probes."""
        for number in range(100):
            await create(outbox, number)
        transport.answer(Failed("ConnectError"))
        for _ in range(600):
            await deliver_all(relay)
            frozen_time.tick(1)
        # At first as many as are under way at once; then the pauses double up to 30 seconds. They
        # are drawn: on average 15, and 600 seconds of them hardly ever more than 100.
        assert len(transport.calls) <= SETTINGS.concurrency + 100
        assert registry.get_sample_value("events_subscriber_available", {"subscriber": READER}) == 0
        errors = [line["event"] for line in logs if line["log_level"] == "error"]
        assert errors == ["events_subscriber_is_unavailable"]

    async def test_sink_that_is_back_gets_everything(
        self,
        outbox: Database,
        relay: Relay,
        transport: FakeTransport,
        registry: CollectorRegistry,
        frozen_time: FrozenTime,
        logs: list[EventDict],
    ) -> None:
        note_ids = [await create(outbox, number) for number in range(50)]
        transport.answer(Failed("ConnectError"))
        for _ in range(60):
            await deliver_all(relay)
            frozen_time.tick(1)
        transport.answer(Delivered())
        frozen_time.tick(30)
        await deliver_all(relay)
        frozen_time.tick(30)  # for those that had failed themselves
        await deliver_all(relay)
        assert transport.taken == {note_id: [1] for note_id in note_ids}
        assert registry.get_sample_value("events_subscriber_available", {"subscriber": READER}) == 1
        assert logs[-1]["event"] == "events_subscriber_is_available"

    async def test_probe_is_one_delivery(
        self, outbox: Database, relay: Relay, transport: FakeTransport, frozen_time: FrozenTime
    ) -> None:
        for number in range(20):
            await create(outbox, number)
        transport.answer(Failed("ConnectError"))
        await deliver_all(relay)
        before = len(transport.calls)
        transport.behaviour = held = Held()
        frozen_time.tick(30)
        await relay.work()
        await held.is_asked.wait()
        await relay.work()
        await relay.work()
        assert len(transport.calls) == before + 1
        held.released.set()
