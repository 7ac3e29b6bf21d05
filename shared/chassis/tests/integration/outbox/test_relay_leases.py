"""How relays share the streams by leases, and what happens to a lease when its relay ends."""

import asyncio

import pytest
from structlog.types import EventDict
from tests.example.publisher import (
    DEADLINE_SECONDS,
    LEASE_SECONDS,
    Outbox,
    closing,
    deliver_all,
    opened,
    relay_to,
)

from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.transport import Answer, Delivered


class TestSeveralRelays:
    async def test_relays_share_the_work_in_order(self, outbox: Outbox) -> None:
        notes = await outbox.create_many(12)
        for note in notes:
            await outbox.change(note, times=3)

        async def hesitate(_: OutboxEvent) -> Answer:
            await asyncio.sleep(0)
            return Delivered()

        outbox.transport.behaviour = hesitate
        async with opened(outbox.url) as second, opened(outbox.url) as third:
            databases = (outbox.database, second, third)
            relays = [relay_to(outbox.transport, database) for database in databases]
            async with closing(*relays):
                while await outbox.streams_left():
                    await asyncio.gather(*(deliver_all(relay) for relay in relays))
        assert outbox.transport.taken == {note: [1, 2, 3, 4] for note in notes}

    async def test_events_of_a_killed_relay_are_delivered_when_its_lease_ends(
        self, outbox: Outbox
    ) -> None:
        ada = await outbox.create()
        await outbox.change(ada)
        await outbox.deliver_once()  # and then the relay is killed before it can record that
        async with outbox.another_relay() as other:
            await deliver_all(other)
            assert outbox.transport.taken[ada] == [1, 2]
            await outbox.tick(LEASE_SECONDS)
            await deliver_all(other)
        # At least once: the subscriber recognises a second delivery by the event's id.
        assert outbox.transport.taken[ada] == [1, 2, 1, 2]
        assert await outbox.streams_left() == 0

    async def test_relay_that_lost_its_lease_records_nothing(
        self, outbox: Outbox, logs: list[EventDict]
    ) -> None:
        ada = await outbox.create()
        await outbox.deliver_once()
        await outbox.tick(LEASE_SECONDS)
        async with outbox.another_relay() as other:
            held = outbox.transport.hold()
            await other.work()
            await held.is_asked.wait()
            await outbox.relay.work()
            assert await outbox.streams_left() == 1
            assert [line["event"] for line in logs] == ["events_lease_lost"]
            held.released.set()
            await deliver_all(other)
        assert outbox.transport.taken[ada] == [1, 1]
        assert await outbox.streams_left() == 0

    async def test_delivery_that_might_outlast_the_lease_does_not_start(
        self, outbox: Outbox
    ) -> None:
        ada = await outbox.create()
        await outbox.change(ada)

        def take_long(_: OutboxEvent) -> Answer:
            outbox.time.tick(LEASE_SECONDS - DEADLINE_SECONDS)
            return Delivered()

        outbox.transport.answer_by(take_long)
        await outbox.deliver_once()
        assert outbox.transport.taken[ada] == [1]
        await outbox.deliver_all()
        assert outbox.transport.taken[ada] == [1, 2]


class TestUnavailableDatabase:
    async def test_results_that_could_not_be_recorded_are_recorded_later(
        self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ada = await outbox.create()
        await outbox.deliver_once()
        with monkeypatch.context() as patch:
            patch.setattr(outbox.database, "write_session", _no_session)
            for _ in range(2):
                with pytest.raises(ConnectionError):
                    await outbox.relay.work()
        await outbox.deliver_all()
        assert outbox.transport.taken[ada] == [1]
        assert await outbox.streams_left() == 0

    async def test_close_is_a_line_in_the_log(
        self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch, logs: list[EventDict]
    ) -> None:
        await outbox.create()
        await outbox.deliver_once()
        with monkeypatch.context() as patch:
            patch.setattr(outbox.database, "write_session", _no_session)
            await outbox.relay.close(patience_seconds=0)
        assert [line["event"] for line in logs] == ["events_leases_not_given_back"]


class TestClose:
    async def test_close_waits_for_the_current_event_and_gives_the_lease_back(
        self, outbox: Outbox
    ) -> None:
        ada = await outbox.create()
        await outbox.change(ada)
        held = outbox.transport.hold()
        await outbox.relay.work()
        await held.is_asked.wait()
        closing_it = asyncio.create_task(outbox.relay.close(patience_seconds=30))
        await asyncio.sleep(0)
        held.released.set()
        await closing_it
        assert outbox.transport.taken[ada] == [1]
        async with outbox.another_relay() as other:
            await deliver_all(other)  # at once: no lease has to end first
        assert outbox.transport.taken[ada] == [1, 2]

    async def test_close_gives_back_the_lease_of_a_delivery_that_does_not_end(
        self, outbox: Outbox
    ) -> None:
        ada = await outbox.create()
        held = outbox.transport.hold()
        await outbox.relay.work()
        await held.is_asked.wait()
        await outbox.relay.close(patience_seconds=0)
        outbox.transport.answer(Delivered())
        async with outbox.another_relay() as other:
            await deliver_all(other)
        assert outbox.transport.calls == [(ada, 1), (ada, 1)]

    async def test_closed_relay_leases_nothing(self, outbox: Outbox) -> None:
        await outbox.relay.close(patience_seconds=0)
        await outbox.create()
        await outbox.deliver_all()
        assert outbox.transport.calls == []


def _no_session() -> None:
    raise ConnectionError("the database is unavailable")
