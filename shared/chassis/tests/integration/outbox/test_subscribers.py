"""Several subscribers: each has its own position, and none waits for another."""

import asyncio

import pytest
from tests.example.publisher import (
    READER,
    FakeTransport,
    Held,
    change,
    closing,
    create,
    deliver_all,
    opened,
    parked,
    relay_to,
    streams_left,
    write,
)

from chassis.db.database import Database
from chassis.events.outbox.relay import Relay
from chassis.events.outbox.subscribers import register_subscriber, remove_subscriber
from chassis.events.outbox.transport import Answer, Failed, Refused
from service_testing.locks import until_blocked

OTHER = "other"


async def register(database: Database, name: str = OTHER) -> bool:
    async with database.transaction() as session:
        return await register_subscriber(session, name)


async def remove(database: Database, name: str = OTHER) -> bool:
    async with database.transaction() as session:
        return await remove_subscriber(session, name)


@pytest.fixture
def other() -> FakeTransport:
    return FakeTransport()


class TestIndependence:
    async def test_each_subscriber_gets_every_event(
        self, outbox: Database, relay: Relay, transport: FakeTransport, other: FakeTransport
    ) -> None:
        await register(outbox)
        note = await create(outbox)
        await change(outbox, note)
        second = relay_to(other, outbox, subscriber=OTHER)
        async with closing(second):
            await deliver_all(relay)
            assert other.calls == []
            await deliver_all(second)
        assert transport.taken == other.taken == {note: [1, 2]}

    @pytest.mark.parametrize("answer", [Failed("status 503"), Refused("status 400")])
    async def test_subscriber_that_fails_or_refuses_delays_no_other(
        self,
        outbox: Database,
        relay: Relay,
        transport: FakeTransport,
        other: FakeTransport,
        answer: Answer,
    ) -> None:
        await register(outbox)
        other.answer(answer)
        notes = [await create(outbox, number) for number in range(10)]
        second = relay_to(other, outbox, subscriber=OTHER)
        async with closing(second):
            await deliver_all(second)
            await deliver_all(relay)
        assert transport.taken == {note: [1] for note in notes}
        assert await streams_left(outbox) == 0
        assert await parked(outbox) == {}
        refused = await parked(outbox, subscriber=OTHER)
        assert len(refused) == (10 if isinstance(answer, Refused) else 0)

    async def test_subscriber_that_is_slow_delays_no_other(
        self, outbox: Database, relay: Relay, transport: FakeTransport, other: FakeTransport
    ) -> None:
        await register(outbox)
        note = await create(outbox)
        other.behaviour = held = Held()
        second = relay_to(other, outbox, subscriber=OTHER)
        async with closing(second):
            await second.work()
            await held.is_asked.wait()
            await change(outbox, note)
            await deliver_all(relay)
            assert transport.taken[note] == [1, 2]
            assert await streams_left(outbox, subscriber=OTHER) == 1
            held.released.set()
            await deliver_all(second)
        assert other.taken[note] == [1, 2]


class TestRegistration:
    async def test_new_subscriber_gets_what_is_stored(
        self, outbox: Database, relay: Relay, other: FakeTransport
    ) -> None:
        ada, eva = await create(outbox, 1), await create(outbox, 2)
        await change(outbox, ada)
        await deliver_all(relay)
        second = relay_to(other, outbox, subscriber=OTHER)
        async with closing(second):
            await deliver_all(second)  # it registers the subscriber
            await change(outbox, eva)
            await deliver_all(second)
        assert other.taken == {ada: [1, 2], eva: [1, 2]}

    async def test_subscriber_is_registered_once(self, outbox: Database) -> None:
        note = await create(outbox)
        assert await register(outbox, READER) is False
        assert await register(outbox) is True
        assert await register(outbox) is False
        assert await streams_left(outbox, subscriber=OTHER) == 1
        await change(outbox, note)
        assert await streams_left(outbox, subscriber=OTHER) == 1

    async def test_event_without_subscribers_waits_for_the_first(
        self, outbox: Database, other: FakeTransport
    ) -> None:
        await remove(outbox, READER)
        note = await create(outbox)
        second = relay_to(other, outbox, subscriber=OTHER)
        async with closing(second):
            await deliver_all(second)
        assert other.taken == {note: [1]}

    async def test_event_that_is_not_committed_yet_reaches_a_new_subscriber(
        self, outbox: Database, outbox_url: str, on_postgres: None
    ) -> None:
        async with opened(outbox_url) as writer:
            async with writer.transaction() as session:
                await write(session, 1)
                registering = asyncio.create_task(register(outbox))
                await until_blocked(writer)  # by the lock on the table of events
            assert await registering is True
        assert await streams_left(outbox, subscriber=OTHER) == 1

    async def test_event_that_is_written_during_a_registration_reaches_the_new_subscriber(
        self, outbox: Database, outbox_url: str, on_postgres: None
    ) -> None:
        async with opened(outbox_url) as writer:
            async with outbox.transaction() as session:
                await register_subscriber(session, OTHER)
                writing = asyncio.create_task(create(writer))
                await until_blocked(writer)
            await writing
        assert await streams_left(outbox, subscriber=OTHER) == 1

    async def test_registrations_at_once_are_one(self, outbox: Database, outbox_url: str) -> None:
        await create(outbox)
        async with opened(outbox_url) as second:
            results = await asyncio.gather(register(outbox), register(second))
        assert sorted(results) == [False, True]


class TestRemoval:
    async def test_removed_subscriber_leaves_nothing(
        self, outbox: Database, other: FakeTransport
    ) -> None:
        second = relay_to(other, outbox, subscriber=OTHER)
        other.answer(Refused("status 400"))
        note = await create(outbox)
        async with closing(second):
            await deliver_all(second)
        await change(outbox, note)
        assert await remove(outbox) is True
        assert await streams_left(outbox, subscriber=OTHER) == 0
        assert await parked(outbox, subscriber=OTHER) == {}
        await change(outbox, note)
        assert await streams_left(outbox, subscriber=OTHER) == 0
        assert await streams_left(outbox) == 1

    async def test_removal_of_an_unknown_subscriber_is_none(self, outbox: Database) -> None:
        assert await remove(outbox) is False

    async def test_relay_of_a_removed_subscriber_records_nothing(
        self, outbox: Database, other: FakeTransport
    ) -> None:
        second = relay_to(other, outbox, subscriber=OTHER)
        async with closing(second):
            await second.work()
            await create(outbox)
            await second.work()
            await second.settle()
            await remove(outbox)
            await second.work()
        assert await streams_left(outbox, subscriber=OTHER) == 0
