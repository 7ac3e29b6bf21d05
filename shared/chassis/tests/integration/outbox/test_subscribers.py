"""Several subscribers: each has its own position, and none waits for another."""

import asyncio

import pytest
from tests.example.publisher import OTHER, READER, FakeTransport, Outbox, deliver_all, opened, write

from chassis.events.outbox.subscribers import register_subscriber
from chassis.events.outbox.transport import Answer, Failed, Refused
from service_testing.locks import until_blocked


@pytest.fixture
def other() -> FakeTransport:
    """Where events of the subscriber `OTHER` are delivered to."""
    return FakeTransport()


class TestIndependence:
    async def test_each_subscriber_gets_every_event(
        self, outbox: Outbox, other: FakeTransport
    ) -> None:
        await outbox.register()
        note = await outbox.create()
        await outbox.change(note)
        async with outbox.another_relay(other, subscriber=OTHER) as second:
            await outbox.deliver_all()
            assert other.calls == []
            await deliver_all(second)
        assert outbox.transport.taken == other.taken == {note: [1, 2]}

    @pytest.mark.parametrize("answer", [Failed("status 503"), Refused("status 400")])
    async def test_subscriber_that_fails_or_refuses_delays_no_other(
        self, outbox: Outbox, other: FakeTransport, answer: Answer
    ) -> None:
        await outbox.register()
        other.answer(answer)
        notes = await outbox.create_many(10)
        async with outbox.another_relay(other, subscriber=OTHER) as second:
            await deliver_all(second)
            await outbox.deliver_all()
        assert outbox.transport.taken == {note: [1] for note in notes}
        assert await outbox.streams_left() == 0
        assert await outbox.parked() == {}
        assert len(await outbox.parked(OTHER)) == (10 if isinstance(answer, Refused) else 0)

    async def test_slow_subscriber_delays_no_other(
        self, outbox: Outbox, other: FakeTransport
    ) -> None:
        await outbox.register()
        note = await outbox.create()
        held = other.hold()
        async with outbox.another_relay(other, subscriber=OTHER) as second:
            await second.work()
            await held.is_asked.wait()
            await outbox.change(note)
            await outbox.deliver_all()
            assert outbox.transport.taken[note] == [1, 2]
            assert await outbox.streams_left(OTHER) == 1
            held.released.set()
            await deliver_all(second)
        assert other.taken[note] == [1, 2]


class TestRegistration:
    async def test_new_subscriber_gets_stored_events(
        self, outbox: Outbox, other: FakeTransport
    ) -> None:
        ada, eva = await outbox.create(1), await outbox.create(2)
        await outbox.change(ada)
        await outbox.deliver_all()
        async with outbox.another_relay(other, subscriber=OTHER) as second:
            await deliver_all(second)  # it registers the subscriber
            await outbox.change(eva)
            await deliver_all(second)
        assert other.taken == {ada: [1, 2], eva: [1, 2]}

    async def test_subscriber_is_registered_once(self, outbox: Outbox) -> None:
        note = await outbox.create()
        assert await outbox.register(READER) is False
        assert await outbox.register() is True
        assert await outbox.register() is False
        assert await outbox.streams_left(OTHER) == 1
        await outbox.change(note)
        assert await outbox.streams_left(OTHER) == 1

    async def test_event_without_subscribers_waits_for_the_first(
        self, outbox: Outbox, other: FakeTransport
    ) -> None:
        await outbox.remove(READER)
        note = await outbox.create()
        async with outbox.another_relay(other, subscriber=OTHER) as second:
            await deliver_all(second)
        assert other.taken == {note: [1]}

    async def test_uncommitted_event_reaches_a_new_subscriber(
        self, outbox: Outbox, on_postgres: None
    ) -> None:
        async with opened(outbox.url) as writer:
            async with writer.transaction() as session:
                await write(session, 1)
                registering = asyncio.create_task(outbox.register())
                await until_blocked(writer)  # by the lock on the table of events
            assert await registering is True
        assert await outbox.streams_left(OTHER) == 1

    async def test_event_that_is_written_during_a_registration_reaches_the_new_subscriber(
        self, outbox: Outbox, on_postgres: None
    ) -> None:
        async with opened(outbox.url) as writer:
            async with writer.transaction() as session:
                await register_subscriber(session, OTHER)
                writing = asyncio.create_task(outbox.create())
                await until_blocked(writer)
            await writing
        assert await outbox.streams_left(OTHER) == 1

    async def test_of_concurrent_registrations_one_succeeds(self, outbox: Outbox) -> None:
        async def register_elsewhere() -> bool:
            async with opened(outbox.url) as second, second.transaction() as session:
                return await register_subscriber(session, OTHER)

        await outbox.create()
        results = await asyncio.gather(outbox.register(), register_elsewhere())
        assert sorted(results) == [False, True]


class TestRemoval:
    async def test_removed_subscriber_leaves_no_rows(
        self, outbox: Outbox, other: FakeTransport
    ) -> None:
        other.answer(Refused("status 400"))
        note = await outbox.create()
        async with outbox.another_relay(other, subscriber=OTHER) as second:
            await deliver_all(second)
        await outbox.change(note)
        assert await outbox.remove() is True
        assert await outbox.streams_left(OTHER) == 0
        assert await outbox.parked(OTHER) == {}
        await outbox.change(note)
        assert await outbox.streams_left(OTHER) == 0
        assert await outbox.streams_left() == 1

    async def test_uncommitted_event_leaves_no_row_of_a_removed_subscriber(
        self, outbox: Outbox, on_postgres: None
    ) -> None:
        await outbox.register()
        async with opened(outbox.url) as writer:
            async with writer.transaction() as session:
                await write(session, 1)
                removing = asyncio.create_task(outbox.remove())
                await until_blocked(writer)
            assert await removing is True
        assert await outbox.streams_left(OTHER) == 0

    async def test_removal_of_an_unknown_subscriber_returns_false(self, outbox: Outbox) -> None:
        assert await outbox.remove() is False

    async def test_relay_of_a_removed_subscriber_records_nothing(
        self, outbox: Outbox, other: FakeTransport
    ) -> None:
        async with outbox.another_relay(other, subscriber=OTHER) as second:
            await second.work()
            await outbox.create()
            await second.work()
            await second.settle()
            await outbox.remove()
            await second.work()
        assert await outbox.streams_left(OTHER) == 0
