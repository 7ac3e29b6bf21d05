"""The relay: at least once, in order for each user, whatever fails or dies."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select
from sqlmodel import col
from structlog.types import EventDict

from app.models import OutboxEvent, OutboxStream
from app.outbox.relay import Relay
from app.outbox.sink import Answer, Delivered, Failed, Refused
from app.outbox.streams import ALARMING_FAILURES, EVENTS_PER_LEASE
from chassis.database import Database
from service_testing.frozen_time import FrozenTime
from tests.sinks import SETTINGS, FakeSink, closing, deliver_all, register, relay_to, rename
from tests.spare_database import opened


@pytest.fixture
async def outbox(frozen_time: FrozenTime, spare_database_url: str) -> AsyncIterator[Database]:
    """A database of this test's own, with real transactions; its times stand still."""
    async with opened(spare_database_url) as database:
        yield database


@pytest.fixture
def sink() -> FakeSink:
    return FakeSink()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def relay(
    outbox: Database, sink: FakeSink, registry: CollectorRegistry
) -> AsyncIterator[Relay]:
    relay = relay_to(sink, outbox, registry=registry)
    async with closing(relay):
        yield relay


async def streams_left(database: Database) -> int:
    async with database.read_session() as session:
        return await session.scalar(select(func.count(col(OutboxStream.user_id)))) or 0


async def the_event(database: Database, user_id: int, version: int) -> OutboxEvent:
    statement = select(OutboxEvent).where(
        col(OutboxEvent.user_id) == user_id, col(OutboxEvent.version) == version
    )
    async with database.read_session() as session:
        return (await session.scalars(statement)).one()


def count_of(registry: CollectorRegistry, result: str) -> float:
    return registry.get_sample_value("event_deliveries_total", {"result": result}) or 0


class Held:
    """Answers when it is released; says when it has been asked so many times."""

    def __init__(self, asked: int = 1) -> None:
        self.is_asked = asyncio.Event()
        self.released = asyncio.Event()
        self._missing = asked

    async def __call__(self, _: OutboxEvent) -> Answer:
        self._missing -= 1
        if self._missing == 0:
            self.is_asked.set()
        await self.released.wait()
        return Delivered()


class TestDelivery:
    async def test_events_of_a_user_are_delivered_once_and_in_order(
        self, outbox: Database, relay: Relay, sink: FakeSink
    ) -> None:
        ada, eva = await register(outbox, 1), await register(outbox, 2)
        await rename(outbox, ada, "Ada", "Ida")
        await deliver_all(relay)
        assert sink.taken == {ada: [1, 2, 3], eva: [1]}
        assert await streams_left(outbox) == 0

    async def test_more_events_than_fit_into_a_lease_are_delivered_in_order(
        self, outbox: Database, relay: Relay, sink: FakeSink
    ) -> None:
        ada = await register(outbox)
        await rename(outbox, ada, *(f"Ada {number}" for number in range(2 * EVENTS_PER_LEASE)))
        await deliver_all(relay)
        assert sink.taken[ada] == list(range(1, 2 * EVENTS_PER_LEASE + 2))

    async def test_no_more_are_delivered_at_once_than_may_be_and_one_of_each_user(
        self, outbox: Database, relay: Relay, sink: FakeSink
    ) -> None:
        for number in range(3 * SETTINGS.concurrency):
            await rename(outbox, await register(outbox, number), "Ada")
        sink.behaviour = held = Held(SETTINGS.concurrency)
        await relay.work()
        await held.is_asked.wait()
        await relay.work()
        assert len(sink.calls) == SETTINGS.concurrency
        assert len({user_id for user_id, _ in sink.calls}) == SETTINGS.concurrency
        held.released.set()
        await deliver_all(relay)
        assert list(sink.taken.values()) == [[1, 2]] * 3 * SETTINGS.concurrency

    async def test_slow_delivery_holds_up_no_other_user(
        self, outbox: Database, relay: Relay, sink: FakeSink
    ) -> None:
        slow, quick = await register(outbox, 1), await register(outbox, 2)
        held = Held()

        async def behave(event: OutboxEvent) -> Answer:
            return await held(event) if event.user_id == slow else Delivered()

        sink.behaviour = behave
        await relay.work()
        await held.is_asked.wait()
        await rename(outbox, quick, "Eva")
        while sink.taken[quick] != [1, 2]:
            await relay.work()
            await asyncio.sleep(0)
        assert sink.taken[slow] == []
        held.released.set()

    async def test_no_transaction_is_open_during_a_delivery(
        self, outbox: Database, relay: Relay, sink: FakeSink
    ) -> None:
        ada = await register(outbox)
        sink.behaviour = held = Held()
        await relay.work()
        await held.is_asked.wait()
        # On SQLite it would wait for the one write connection, on PostgreSQL for the stream's row.
        await rename(outbox, ada, "Ada")
        held.released.set()
        await deliver_all(relay)
        assert sink.taken[ada] == [1, 2]

    async def test_deliveries_are_counted_and_timed(
        self,
        outbox: Database,
        relay: Relay,
        registry: CollectorRegistry,
        frozen_time: FrozenTime,
    ) -> None:
        await register(outbox)
        frozen_time.tick(0.2)
        await deliver_all(relay)
        assert count_of(registry, "delivered") == 1
        assert registry.get_sample_value("event_delivery_delay_seconds_sum") == 0.2


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


class TestSeveralRelays:
    async def test_several_relays_share_the_work_and_keep_the_order(
        self, outbox: Database, sink: FakeSink, spare_database_url: str
    ) -> None:
        user_ids = [await register(outbox, number) for number in range(12)]
        for user_id in user_ids:
            await rename(outbox, user_id, "Ada", "Ida", "Eva")

        async def hesitate(_: OutboxEvent) -> Answer:
            await asyncio.sleep(0)
            return Delivered()

        sink.behaviour = hesitate
        async with opened(spare_database_url) as second, opened(spare_database_url) as third:
            relays = [relay_to(sink, database) for database in (outbox, second, third)]
            async with closing(*relays):
                while await streams_left(outbox):
                    await asyncio.gather(*(deliver_all(relay) for relay in relays))
        assert sink.taken == {user_id: [1, 2, 3, 4] for user_id in user_ids}

    async def test_relay_that_dies_is_taken_over_when_its_lease_ends(
        self, outbox: Database, sink: FakeSink, frozen_time: FrozenTime
    ) -> None:
        ada = await register(outbox)
        await rename(outbox, ada, "Ada")
        dead = relay_to(sink, outbox)
        await dead.work()
        await dead.settle()  # delivered, and then it dies before it can record that
        heir = relay_to(sink, outbox)
        async with closing(heir):
            await deliver_all(heir)
            assert sink.taken[ada] == [1, 2]
            frozen_time.tick(SETTINGS.lease_seconds)
            await deliver_all(heir)
        # At least once: the sink tells a second delivery by the event's id.
        assert sink.taken[ada] == [1, 2, 1, 2]
        assert await streams_left(outbox) == 0

    async def test_relay_that_lost_its_lease_records_nothing(
        self,
        outbox: Database,
        relay: Relay,
        sink: FakeSink,
        frozen_time: FrozenTime,
        logs: list[EventDict],
    ) -> None:
        ada = await register(outbox)
        await relay.work()
        await relay.settle()
        frozen_time.tick(SETTINGS.lease_seconds)
        other = relay_to(sink, outbox)
        async with closing(other):
            sink.behaviour = held = Held()
            await other.work()
            await held.is_asked.wait()
            await relay.work()
            assert (await the_event(outbox, ada, 1)).delivered_at is None
            assert [line["event"] for line in logs] == ["events_lease_lost"]
            held.released.set()
            await deliver_all(other)
        assert (await the_event(outbox, ada, 1)).delivered_at is not None

    async def test_no_delivery_begins_that_might_outlast_the_lease(
        self, outbox: Database, relay: Relay, sink: FakeSink, frozen_time: FrozenTime
    ) -> None:
        ada = await register(outbox)
        await rename(outbox, ada, "Ada")

        async def take_long(event: OutboxEvent) -> Answer:
            frozen_time.tick(SETTINGS.lease_seconds - SETTINGS.deadline_seconds)
            return Delivered()

        sink.behaviour = take_long
        await relay.work()
        await relay.settle()
        assert sink.taken[ada] == [1]
        await deliver_all(relay)
        assert sink.taken[ada] == [1, 2]


class TestDatabaseAway:
    async def test_what_could_not_be_recorded_is_recorded_later(
        self, outbox: Database, relay: Relay, sink: FakeSink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ada = await register(outbox)
        await relay.work()
        await relay.settle()
        with monkeypatch.context() as patch:
            patch.setattr(outbox, "write_session", _no_session)
            for _ in range(2):
                with pytest.raises(ConnectionError):
                    await relay.work()
        await deliver_all(relay)
        assert sink.taken[ada] == [1]
        assert await streams_left(outbox) == 0


def _no_session() -> None:
    raise ConnectionError("the database is away")


class TestPause:
    """How long `work` says that it may be left alone."""

    async def test_pause_of_an_empty_outbox_is_a_poll(self, relay: Relay) -> None:
        assert await relay.work() == SETTINGS.poll_seconds

    async def test_pause_ends_when_a_stream_is_due(
        self, outbox: Database, relay: Relay, sink: FakeSink, frozen_time: FrozenTime
    ) -> None:
        await register(outbox)
        sink.answer(Failed("status 429", retry_after_seconds=0.7))
        await relay.work()
        await relay.settle()
        assert await relay.work() == pytest.approx(0.7)
        frozen_time.tick(0.5)
        assert await relay.work() == pytest.approx(0.2)

    async def test_end_of_a_delivery_is_told(
        self, outbox: Database, relay: Relay, sink: FakeSink
    ) -> None:
        told = asyncio.Event()
        relay.on_room = told.set
        await register(outbox)
        await relay.work()
        await told.wait()


class TestClose:
    async def test_close_ends_between_two_events_and_gives_the_lease_back(
        self, outbox: Database, sink: FakeSink
    ) -> None:
        ada = await register(outbox)
        await rename(outbox, ada, "Ada")
        relay = relay_to(sink, outbox)
        sink.behaviour = held = Held()
        await relay.work()
        await held.is_asked.wait()
        closing_it = asyncio.create_task(relay.close(patience_seconds=30))
        await asyncio.sleep(0)
        held.released.set()
        await closing_it
        assert sink.taken[ada] == [1]
        heir = relay_to(sink, outbox)
        async with closing(heir):
            await deliver_all(heir)  # at once: no lease has to end first
        assert sink.taken[ada] == [1, 2]

    async def test_close_gives_back_what_does_not_end(
        self, outbox: Database, sink: FakeSink
    ) -> None:
        ada = await register(outbox)
        relay = relay_to(sink, outbox)
        sink.behaviour = held = Held()
        await relay.work()
        await held.is_asked.wait()
        await relay.close(patience_seconds=0)
        sink.answer(Delivered())
        heir = relay_to(sink, outbox)
        async with closing(heir):
            await deliver_all(heir)
        assert sink.calls == [(ada, 1), (ada, 1)]

    async def test_close_without_a_database_is_a_line_in_the_log(
        self,
        outbox: Database,
        sink: FakeSink,
        monkeypatch: pytest.MonkeyPatch,
        logs: list[EventDict],
    ) -> None:
        await register(outbox)
        relay = relay_to(sink, outbox)
        await relay.work()
        await relay.settle()
        with monkeypatch.context() as patch:
            patch.setattr(outbox, "write_session", _no_session)
            await relay.close(patience_seconds=0)
        assert [line["event"] for line in logs] == ["events_leases_not_given_back"]

    async def test_closed_relay_leases_nothing(self, outbox: Database, sink: FakeSink) -> None:
        relay = relay_to(sink, outbox)
        await relay.close(patience_seconds=0)
        await register(outbox)
        await deliver_all(relay)
        assert sink.calls == []


async def test_many_users_events_are_delivered_by_few_transactions(
    outbox: Database, sink: FakeSink
) -> None:
    for number in range(64):
        await register(outbox, number)
    relay = relay_to(sink, outbox, settings=replace(SETTINGS, concurrency=16))
    units = 0
    async with closing(relay):
        while not units or not relay.is_idle:
            units += 1
            await relay.work()
            await relay.settle()
    assert Counter(len(versions) for versions in sink.taken.values()) == {1: 64}
    assert units <= 4
