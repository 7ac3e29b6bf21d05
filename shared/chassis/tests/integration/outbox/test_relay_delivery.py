"""The relay delivers each event at least once, in order for each note, and to several notes at once."""

import asyncio
import time

import pytest
from tests.example.publisher import CONCURRENCY, POLL_SECONDS, Held, Outbox, closing, relay_to

from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.streams import EVENTS_PER_LEASE
from chassis.events.outbox.transport import Answer, Delivered, Failed


class TestDelivery:
    async def test_events_of_a_note_are_delivered_once_and_in_order(self, outbox: Outbox) -> None:
        ada, eva = await outbox.create(1), await outbox.create(2)
        await outbox.change(ada, times=2)
        await outbox.deliver_all()
        assert outbox.transport.taken == {ada: [1, 2, 3], eva: [1]}
        assert await outbox.streams_left() == 0

    async def test_more_events_than_fit_into_a_lease_are_delivered_in_order(
        self, outbox: Outbox
    ) -> None:
        ada = await outbox.create()
        await outbox.change(ada, times=2 * EVENTS_PER_LEASE)
        await outbox.deliver_all()
        assert outbox.transport.taken[ada] == list(range(1, 2 * EVENTS_PER_LEASE + 2))

    async def test_concurrent_deliveries_are_limited_and_of_different_notes(
        self, outbox: Outbox
    ) -> None:
        for note in await outbox.create_many(3 * CONCURRENCY):
            await outbox.change(note)
        held = outbox.transport.hold(CONCURRENCY)
        await outbox.relay.work()
        await held.is_asked.wait()
        await outbox.relay.work()
        assert len(outbox.transport.calls) == CONCURRENCY
        assert len({note for note, _ in outbox.transport.calls}) == CONCURRENCY
        held.released.set()
        await outbox.deliver_all()
        assert list(outbox.transport.taken.values()) == [[1, 2]] * 3 * CONCURRENCY

    async def test_slow_delivery_delays_no_other_note(self, outbox: Outbox) -> None:
        slow, quick = await outbox.create(1), await outbox.create(2)
        held = Held()

        async def behave(event: OutboxEvent) -> Answer:
            return await held(event) if event.aggregate_id == slow else Delivered()

        outbox.transport.behaviour = behave
        await outbox.relay.work()
        await held.is_asked.wait()
        await outbox.change(quick)
        while outbox.transport.taken[quick] != [1, 2]:
            await outbox.relay.work()
            await asyncio.sleep(0)
        assert outbox.transport.taken[slow] == []
        held.released.set()

    async def test_no_transaction_is_open_during_a_delivery(self, outbox: Outbox) -> None:
        ada = await outbox.create()
        held = outbox.transport.hold()
        await outbox.relay.work()
        await held.is_asked.wait()
        # Else it would wait: on SQLite for the one write connection, on PostgreSQL for the stream's row.
        await outbox.change(ada)
        held.released.set()
        await outbox.deliver_all()
        assert outbox.transport.taken[ada] == [1, 2]

    async def test_deliveries_are_counted_and_timed(self, outbox: Outbox) -> None:
        await outbox.create()
        await outbox.deliver_all(after_seconds=0.2)
        assert outbox.metric("event_deliveries_total", result="delivered") == 1
        assert outbox.metric("event_delivery_delay_seconds_sum") == 0.2

    async def test_events_of_many_notes_are_delivered_in_few_transactions(
        self, outbox: Outbox
    ) -> None:
        notes = await outbox.create_many(64)
        relay = relay_to(outbox.transport, outbox.database, concurrency=16)
        units = 0
        async with closing(relay):
            while not units or not relay.is_idle:
                units += 1
                await relay.work()
                await relay.settle()
        assert outbox.transport.taken == {note: [1] for note in notes}
        assert units <= 4


class TestPause:
    """The pause that `work` returns."""

    async def test_pause_of_an_empty_outbox_is_a_poll(self, outbox: Outbox) -> None:
        assert await outbox.relay.work() == POLL_SECONDS

    async def test_pause_ends_when_a_stream_is_due(self, outbox: Outbox) -> None:
        await outbox.create()
        outbox.transport.answer(Failed("status 429", retry_after_seconds=0.7))
        await outbox.deliver_once()
        assert await outbox.relay.work() == pytest.approx(0.7)
        await outbox.tick(0.5)
        assert await outbox.relay.work() == pytest.approx(0.2)

    async def test_pause_that_ends_between_two_reads_of_the_clock_is_over(
        self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ada = await outbox.create()
        outbox.transport.answer(Failed("status 429", retry_after_seconds=0.7))
        await outbox.deliver_once()
        await outbox.relay.work()
        outbox.transport.answer(Delivered())
        await outbox.tick(0.6985)

        def a_millisecond_later() -> float:
            outbox.time.tick(0.001)
            return time.time()

        monkeypatch.setattr(time, "monotonic", a_millisecond_later)
        await outbox.deliver_once()
        assert outbox.transport.taken[ada] == [1]

    async def test_end_of_a_delivery_wakes_the_relay(self, outbox: Outbox) -> None:
        woken = asyncio.Event()
        outbox.relay.on_room = woken.set
        await outbox.create()
        await outbox.relay.work()
        await woken.wait()
