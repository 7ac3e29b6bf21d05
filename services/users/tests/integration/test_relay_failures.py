"""What the relay does with an event that is refused or fails, and with a sink that is away."""

import pytest
from prometheus_client import CollectorRegistry
from structlog.types import EventDict

from app.models import OutboxEvent
from app.outbox.relay import Relay
from app.outbox.sink import Answer, Delivered, Failed, Refused
from app.outbox.streams import ALARMING_FAILURES
from chassis.db.database import Database
from service_testing.frozen_time import FrozenTime
from tests.sinks import (
    SETTINGS,
    FakeSink,
    Held,
    count_of,
    deliver_all,
    register,
    rename,
    streams_left,
    the_event,
)


class TestRefusal:
    async def test_refused_event_is_parked_and_the_next_one_delivered(
        self,
        outbox: Database,
        relay: Relay,
        sink: FakeSink,
        registry: CollectorRegistry,
        logs: list[EventDict],
    ) -> None:
        ada = await register(outbox)
        await rename(outbox, ada, "Ada")

        async def behave(event: OutboxEvent) -> Answer:
            is_first = event.version == 1
            return Refused("status 400", "no such thing as Ada") if is_first else Delivered()

        sink.behaviour = behave
        await deliver_all(relay)
        assert sink.calls == [(ada, 1), (ada, 2)]
        parked = await the_event(outbox, ada, 1)
        assert parked.parked_reason == "status 400 no such thing as Ada"
        assert (await the_event(outbox, ada, 2)).delivered_at is not None
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
        sink: FakeSink,
        registry: CollectorRegistry,
        frozen_time: FrozenTime,
    ) -> None:
        ada = await register(outbox)
        await rename(outbox, ada, "Ada")
        sink.answer(Failed("status 503"))
        await deliver_all(relay)
        assert sink.calls == [(ada, 1)]
        assert count_of(registry, "failed") == 1
        sink.answer(Delivered())
        frozen_time.tick(0.5)
        await deliver_all(relay)
        assert sink.calls == [(ada, 1), (ada, 1), (ada, 2)]
        assert sink.taken[ada] == [1, 2]

    async def test_failed_event_waits_as_long_as_the_sink_asks(
        self, outbox: Database, relay: Relay, sink: FakeSink, frozen_time: FrozenTime
    ) -> None:
        await register(outbox)
        sink.answer(Failed("status 429", retry_after_seconds=20))
        await deliver_all(relay)
        frozen_time.tick(19.9)
        await deliver_all(relay)
        assert len(sink.calls) == 1
        frozen_time.tick(0.1)
        await deliver_all(relay)
        assert len(sink.calls) == 2

    async def test_failure_of_one_user_s_event_holds_up_no_other(
        self, outbox: Database, relay: Relay, sink: FakeSink, frozen_time: FrozenTime
    ) -> None:
        poisoned = await register(outbox, 0)

        async def behave(event: OutboxEvent) -> Answer:
            return Failed("status 500") if event.user_id == poisoned else Delivered()

        sink.behaviour = behave
        for number in range(1, 20):
            user_id = await register(outbox, number)
            await deliver_all(relay)
            assert sink.taken[user_id] == [1]
            frozen_time.tick(30)

    async def test_retries_that_go_on_are_one_alarm_and_not_one_each(
        self,
        outbox: Database,
        relay: Relay,
        sink: FakeSink,
        frozen_time: FrozenTime,
        logs: list[EventDict],
    ) -> None:
        await register(outbox)
        sink.answer(Failed("status 500"))
        for _ in range(3 * ALARMING_FAILURES):
            await deliver_all(relay)
            frozen_time.tick(30)
        assert len(sink.calls) == 3 * ALARMING_FAILURES
        errors = [line["event"] for line in logs if line["log_level"] == "error"]
        assert errors == ["event_delivery_keeps_failing"]

    async def test_sink_that_breaks_is_a_failure_like_another(
        self, outbox: Database, relay: Relay, sink: FakeSink, frozen_time: FrozenTime
    ) -> None:
        ada = await register(outbox)

        async def break_down(_: OutboxEvent) -> Answer:
            raise RuntimeError("the signing key can't be read")

        sink.behaviour = break_down
        await deliver_all(relay)
        sink.answer(Delivered())
        frozen_time.tick(0.5)
        await deliver_all(relay)
        assert sink.taken[ada] == [1]


class TestSinkAway:
    @pytest.mark.slow
    async def test_sink_that_is_away_is_called_a_bounded_number_of_times(
        self,
        outbox: Database,
        relay: Relay,
        sink: FakeSink,
        registry: CollectorRegistry,
        frozen_time: FrozenTime,
        logs: list[EventDict],
    ) -> None:
        """100 users' events, ten minutes: not 100 x retries, but the first few and some probes."""
        for number in range(100):
            await register(outbox, number)
        sink.answer(Failed("ConnectError"))
        for _ in range(600):
            await deliver_all(relay)
            frozen_time.tick(1)
        # At first as many as are under way at once; then the pauses double up to 30 seconds. They
        # are drawn: on average 15, and 600 seconds of them hardly ever more than 100.
        assert len(sink.calls) <= SETTINGS.concurrency + 100
        assert registry.get_sample_value("events_sink_available") == 0
        errors = [line["event"] for line in logs if line["log_level"] == "error"]
        assert errors == ["events_sink_is_away"]

    async def test_sink_that_is_back_gets_everything(
        self,
        outbox: Database,
        relay: Relay,
        sink: FakeSink,
        registry: CollectorRegistry,
        frozen_time: FrozenTime,
        logs: list[EventDict],
    ) -> None:
        user_ids = [await register(outbox, number) for number in range(50)]
        sink.answer(Failed("ConnectError"))
        for _ in range(60):
            await deliver_all(relay)
            frozen_time.tick(1)
        sink.answer(Delivered())
        frozen_time.tick(30)
        await deliver_all(relay)
        frozen_time.tick(30)  # for those that had failed themselves
        await deliver_all(relay)
        assert sink.taken == {user_id: [1] for user_id in user_ids}
        assert registry.get_sample_value("events_sink_available") == 1
        assert logs[-1]["event"] == "events_sink_is_back"

    async def test_probe_is_one_delivery(
        self, outbox: Database, relay: Relay, sink: FakeSink, frozen_time: FrozenTime
    ) -> None:
        for number in range(20):
            await register(outbox, number)
        sink.answer(Failed("ConnectError"))
        await deliver_all(relay)
        before = len(sink.calls)
        sink.behaviour = held = Held()
        frozen_time.tick(30)
        await relay.work()
        await held.is_asked.wait()
        await relay.work()
        await relay.work()
        assert len(sink.calls) == before + 1
        held.released.set()
