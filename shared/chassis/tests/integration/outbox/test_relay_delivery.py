"""The relay delivers each event at least once, in order for each user, and all users' at once."""

import asyncio
from collections import Counter
from dataclasses import replace

from prometheus_client import CollectorRegistry
from tests.example.publisher import (
    READER,
    SETTINGS,
    FakeTransport,
    Held,
    change,
    closing,
    count_of,
    create,
    deliver_all,
    relay_to,
    streams_left,
)

from chassis.db.database import Database
from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.relay import Relay
from chassis.events.outbox.streams import EVENTS_PER_LEASE
from chassis.events.outbox.transport import Answer, Delivered
from service_testing.frozen_time import FrozenTime


class TestDelivery:
    async def test_events_of_a_note_are_delivered_once_and_in_order(
        self, outbox: Database, relay: Relay, transport: FakeTransport
    ) -> None:
        ada, eva = await create(outbox, 1), await create(outbox, 2)
        await change(outbox, ada, times=2)
        await deliver_all(relay)
        assert transport.taken == {ada: [1, 2, 3], eva: [1]}
        assert await streams_left(outbox) == 0

    async def test_more_events_than_fit_into_a_lease_are_delivered_in_order(
        self, outbox: Database, relay: Relay, transport: FakeTransport
    ) -> None:
        ada = await create(outbox)
        await change(outbox, ada, times=2 * EVENTS_PER_LEASE)
        await deliver_all(relay)
        assert transport.taken[ada] == list(range(1, 2 * EVENTS_PER_LEASE + 2))

    async def test_no_more_are_delivered_at_once_than_may_be_and_one_of_each_user(
        self, outbox: Database, relay: Relay, transport: FakeTransport
    ) -> None:
        for number in range(3 * SETTINGS.concurrency):
            await change(outbox, await create(outbox, number))
        transport.behaviour = held = Held(SETTINGS.concurrency)
        await relay.work()
        await held.is_asked.wait()
        await relay.work()
        assert len(transport.calls) == SETTINGS.concurrency
        assert len({note_id for note_id, _ in transport.calls}) == SETTINGS.concurrency
        held.released.set()
        await deliver_all(relay)
        assert list(transport.taken.values()) == [[1, 2]] * 3 * SETTINGS.concurrency

    async def test_slow_delivery_holds_up_no_other_user(
        self, outbox: Database, relay: Relay, transport: FakeTransport
    ) -> None:
        slow, quick = await create(outbox, 1), await create(outbox, 2)
        held = Held()

        async def behave(event: OutboxEvent) -> Answer:
            return await held(event) if event.aggregate_id == slow else Delivered()

        transport.behaviour = behave
        await relay.work()
        await held.is_asked.wait()
        await change(outbox, quick)
        while transport.taken[quick] != [1, 2]:
            await relay.work()
            await asyncio.sleep(0)
        assert transport.taken[slow] == []
        held.released.set()

    async def test_no_transaction_is_open_during_a_delivery(
        self, outbox: Database, relay: Relay, transport: FakeTransport
    ) -> None:
        ada = await create(outbox)
        transport.behaviour = held = Held()
        await relay.work()
        await held.is_asked.wait()
        # On SQLite it would wait for the one write connection, on PostgreSQL for the stream's row.
        await change(outbox, ada)
        held.released.set()
        await deliver_all(relay)
        assert transport.taken[ada] == [1, 2]

    async def test_deliveries_are_counted_and_timed(
        self,
        outbox: Database,
        relay: Relay,
        registry: CollectorRegistry,
        frozen_time: FrozenTime,
    ) -> None:
        await create(outbox)
        frozen_time.tick(0.2)
        await deliver_all(relay)
        assert count_of(registry, "delivered") == 1
        assert (
            registry.get_sample_value("event_delivery_delay_seconds_sum", {"subscriber": READER})
            == 0.2
        )


async def test_many_users_events_are_delivered_by_few_transactions(
    outbox: Database, transport: FakeTransport
) -> None:
    for number in range(64):
        await create(outbox, number)
    relay = relay_to(transport, outbox, settings=replace(SETTINGS, concurrency=16))
    units = 0
    async with closing(relay):
        while not units or not relay.is_idle:
            units += 1
            await relay.work()
            await relay.settle()
    assert Counter(len(versions) for versions in transport.taken.values()) == {1: 64}
    assert units <= 4
