"""How relays share the streams by leases, and what becomes of a lease when one of them ends."""

import asyncio

import pytest
from structlog.types import EventDict
from tests.example.publisher import (
    SETTINGS,
    FakeTransport,
    Held,
    change,
    closing,
    create,
    deliver_all,
    opened,
    relay_to,
    streams_left,
)

from chassis.db.database import Database
from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.relay import Relay
from chassis.events.outbox.transport import Answer, Delivered
from service_testing.frozen_time import FrozenTime


class TestSeveralRelays:
    async def test_several_relays_share_the_work_and_keep_the_order(
        self, outbox: Database, transport: FakeTransport, outbox_url: str
    ) -> None:
        note_ids = [await create(outbox, number) for number in range(12)]
        for note_id in note_ids:
            await change(outbox, note_id, times=3)

        async def hesitate(_: OutboxEvent) -> Answer:
            await asyncio.sleep(0)
            return Delivered()

        transport.behaviour = hesitate
        async with opened(outbox_url) as second, opened(outbox_url) as third:
            relays = [relay_to(transport, database) for database in (outbox, second, third)]
            async with closing(*relays):
                while await streams_left(outbox):
                    await asyncio.gather(*(deliver_all(relay) for relay in relays))
        assert transport.taken == {note_id: [1, 2, 3, 4] for note_id in note_ids}

    async def test_relay_that_dies_is_taken_over_when_its_lease_ends(
        self, outbox: Database, transport: FakeTransport, frozen_time: FrozenTime
    ) -> None:
        ada = await create(outbox)
        await change(outbox, ada)
        dead = relay_to(transport, outbox)
        await dead.work()
        await dead.settle()  # delivered, and then it dies before it can record that
        heir = relay_to(transport, outbox)
        async with closing(heir):
            await deliver_all(heir)
            assert transport.taken[ada] == [1, 2]
            frozen_time.tick(SETTINGS.lease_seconds)
            await deliver_all(heir)
        # At least once: the sink tells a second delivery by the event's id.
        assert transport.taken[ada] == [1, 2, 1, 2]
        assert await streams_left(outbox) == 0

    async def test_relay_that_lost_its_lease_records_nothing(
        self,
        outbox: Database,
        relay: Relay,
        transport: FakeTransport,
        frozen_time: FrozenTime,
        logs: list[EventDict],
    ) -> None:
        ada = await create(outbox)
        await relay.work()
        await relay.settle()
        frozen_time.tick(SETTINGS.lease_seconds)
        other = relay_to(transport, outbox)
        async with closing(other):
            transport.behaviour = held = Held()
            await other.work()
            await held.is_asked.wait()
            await relay.work()
            assert await streams_left(outbox) == 1
            assert [line["event"] for line in logs] == ["events_lease_lost"]
            held.released.set()
            await deliver_all(other)
        assert transport.taken[ada] == [1, 1]
        assert await streams_left(outbox) == 0

    async def test_no_delivery_begins_that_might_outlast_the_lease(
        self, outbox: Database, relay: Relay, transport: FakeTransport, frozen_time: FrozenTime
    ) -> None:
        ada = await create(outbox)
        await change(outbox, ada)

        async def take_long(event: OutboxEvent) -> Answer:
            frozen_time.tick(SETTINGS.lease_seconds - SETTINGS.deadline_seconds)
            return Delivered()

        transport.behaviour = take_long
        await relay.work()
        await relay.settle()
        assert transport.taken[ada] == [1]
        await deliver_all(relay)
        assert transport.taken[ada] == [1, 2]


class TestDatabaseAway:
    async def test_what_could_not_be_recorded_is_recorded_later(
        self,
        outbox: Database,
        relay: Relay,
        transport: FakeTransport,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        ada = await create(outbox)
        await relay.work()
        await relay.settle()
        with monkeypatch.context() as patch:
            patch.setattr(outbox, "write_session", _no_session)
            for _ in range(2):
                with pytest.raises(ConnectionError):
                    await relay.work()
        await deliver_all(relay)
        assert transport.taken[ada] == [1]
        assert await streams_left(outbox) == 0


class TestClose:
    async def test_close_ends_between_two_events_and_gives_the_lease_back(
        self, outbox: Database, transport: FakeTransport
    ) -> None:
        ada = await create(outbox)
        await change(outbox, ada)
        relay = relay_to(transport, outbox)
        transport.behaviour = held = Held()
        await relay.work()
        await held.is_asked.wait()
        closing_it = asyncio.create_task(relay.close(patience_seconds=30))
        await asyncio.sleep(0)
        held.released.set()
        await closing_it
        assert transport.taken[ada] == [1]
        heir = relay_to(transport, outbox)
        async with closing(heir):
            await deliver_all(heir)  # at once: no lease has to end first
        assert transport.taken[ada] == [1, 2]

    async def test_close_gives_back_what_does_not_end(
        self, outbox: Database, transport: FakeTransport
    ) -> None:
        ada = await create(outbox)
        relay = relay_to(transport, outbox)
        transport.behaviour = held = Held()
        await relay.work()
        await held.is_asked.wait()
        await relay.close(patience_seconds=0)
        transport.answer(Delivered())
        heir = relay_to(transport, outbox)
        async with closing(heir):
            await deliver_all(heir)
        assert transport.calls == [(ada, 1), (ada, 1)]

    async def test_close_without_a_database_is_a_line_in_the_log(
        self,
        outbox: Database,
        transport: FakeTransport,
        monkeypatch: pytest.MonkeyPatch,
        logs: list[EventDict],
    ) -> None:
        await create(outbox)
        relay = relay_to(transport, outbox)
        await relay.work()
        await relay.settle()
        with monkeypatch.context() as patch:
            patch.setattr(outbox, "write_session", _no_session)
            await relay.close(patience_seconds=0)
        assert [line["event"] for line in logs] == ["events_leases_not_given_back"]

    async def test_closed_relay_leases_nothing(
        self, outbox: Database, transport: FakeTransport
    ) -> None:
        relay = relay_to(transport, outbox)
        await relay.close(patience_seconds=0)
        await create(outbox)
        await deliver_all(relay)
        assert transport.calls == []


def _no_session() -> None:
    raise ConnectionError("the database is unavailable")
