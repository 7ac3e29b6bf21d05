"""The relay delivers each event at least once, in order for each user, and all users' at once."""

import asyncio
from collections import Counter
from dataclasses import replace

from prometheus_client import CollectorRegistry

from app.models import OutboxEvent
from app.outbox.relay import Relay
from app.outbox.sink import Answer, Delivered
from app.outbox.streams import EVENTS_PER_LEASE
from chassis.db.database import Database
from service_testing.frozen_time import FrozenTime
from tests.sinks import (
    SETTINGS,
    FakeSink,
    Held,
    closing,
    count_of,
    deliver_all,
    register,
    relay_to,
    rename,
    streams_left,
)


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
