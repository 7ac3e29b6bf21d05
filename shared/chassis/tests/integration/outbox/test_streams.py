"""Leases of streams, and what is recorded at their end."""

import asyncio
import time
from collections.abc import Callable

import pytest
from sqlalchemy import event
from tests.example.publisher import READER, Outbox, change, opened, write

from chassis.db.sessions import WriteSession
from chassis.events.outbox import streams
from chassis.events.outbox.models import OutboxStream
from chassis.events.outbox.streams import Lease
from service_testing.locks import until_blocked
from service_testing.queries import QueryCounter

LEASE_SECONDS = 50


async def lease_in(session: WriteSession, limit: int) -> list[Lease]:
    return await streams.lease(
        session, READER, limit=limit, seconds=LEASE_SECONDS, horizon_seconds=300
    )


async def lease(outbox: Outbox, limit: int = 10) -> list[Lease]:
    async with outbox.database.transaction() as session:
        return await lease_in(session, limit)


async def lease_one(outbox: Outbox) -> Lease:
    (only,) = await lease(outbox)
    return only


async def give_back(outbox: Outbox, *leases: Lease) -> list[Lease]:
    """The leases that were lost."""
    async with outbox.database.transaction() as session:
        return await streams.give_back(session, READER, leases)


def delivered(given: Lease) -> Lease:
    """The same lease, after its first event has been delivered."""
    given.finish(given.events[0])
    return given


def failed(given: Lease) -> Lease:
    given.fail("no", retry_in_seconds=0)
    return given


def versions(given: Lease) -> list[int]:
    return [each.version for each in given.events]


async def stream_of(outbox: Outbox, note: int) -> tuple[int, int, str | None, str | None] | None:
    """The stream's next version, failures, error and token."""
    async with outbox.database.write_session() as session:
        found = await session.get(OutboxStream, (note, READER))
    if found is None:
        return None
    return found.next_version, found.failures, found.last_error, found.lease_token


class TestLease:
    async def test_leased_stream_is_not_leased_again_until_the_lease_ends(
        self, outbox: Outbox
    ) -> None:
        note = await outbox.create()
        first = await lease_one(outbox)
        assert (first.aggregate_id, first.failures, versions(first)) == (note, 0, [1])
        await outbox.tick(LEASE_SECONDS / 2)
        assert await lease(outbox) == []
        await outbox.tick(LEASE_SECONDS / 2)
        second = await lease_one(outbox)
        assert second.aggregate_id == note
        assert second.token != first.token

    async def test_relay_never_expects_its_lease_to_last_longer_than_it_does(
        self, outbox: Outbox
    ) -> None:
        def pass_time(*_: object) -> None:
            outbox.time.tick(1)

        await outbox.create()
        begun = time.monotonic()
        event.listen(outbox.database.write_engine.sync_engine, "before_cursor_execute", pass_time)
        assert (await lease_one(outbox)).ends_at <= begun + LEASE_SECONDS

    async def test_streams_that_have_waited_longest_are_leased_first(self, outbox: Outbox) -> None:
        notes = []
        for number in range(4):
            notes.append(await outbox.create(number))
            await outbox.tick(1)
        await outbox.change(notes[0])  # doesn't change how long its stream has waited
        assert {each.aggregate_id for each in await lease(outbox, 2)} == set(notes[:2])
        assert {each.aggregate_id for each in await lease(outbox, 9)} == set(notes[2:])

    async def test_concurrent_leases_are_of_different_streams(
        self, outbox: Outbox, on_postgres: None
    ) -> None:
        notes = set(await outbox.create_many(4))
        async with (
            opened(outbox.url) as other,
            outbox.database.transaction() as one_session,
            other.transaction() as other_session,
        ):
            one = await lease_in(one_session, 2)
            two = await lease_in(other_session, 9)
        assert (len(one), len(two)) == (2, 2)
        assert {each.aggregate_id for each in (*one, *two)} == notes

    async def test_events_of_many_notes_are_read_by_one_statement(self, outbox: Outbox) -> None:
        await outbox.create_many(5)
        counter = QueryCounter()
        with counter.watching(outbox.database.write_engine), counter.at_most(4):
            assert [versions(each) for each in await lease(outbox)] == [[1]] * 5


class TestFailures:
    async def test_failures_are_counted_until_an_event_is_delivered(self, outbox: Outbox) -> None:
        ada = await outbox.create()
        await outbox.change(ada)
        for failures in (1, 2, 3):
            given = failed(await lease_one(outbox))
            assert given.failures == failures
            await give_back(outbox, given)
        await give_back(outbox, failed(delivered(await lease_one(outbox))))
        given = await lease_one(outbox)
        assert given.failures == 1
        await give_back(outbox, delivered(given))
        assert await stream_of(outbox, ada) is None

    async def test_success_deletes_the_failures(self, outbox: Outbox) -> None:
        ada = await outbox.create()
        await outbox.change(ada)
        await give_back(outbox, failed(await lease_one(outbox)))
        await give_back(outbox, delivered(await lease_one(outbox)))
        assert await stream_of(outbox, ada) == (2, 0, None, None)

    async def test_unused_lease_leaves_the_failures(self, outbox: Outbox) -> None:
        ada = await outbox.create()
        await give_back(outbox, failed(await lease_one(outbox)))
        await give_back(outbox, await lease_one(outbox))
        assert await stream_of(outbox, ada) == (1, 1, "no", None)


class TestFencing:
    """A relay that has lost its lease records nothing: another relay may have the stream."""

    @pytest.mark.parametrize("end", [delivered, failed, lambda unused: unused])
    async def test_lost_lease_records_nothing(
        self, outbox: Outbox, end: Callable[[Lease], Lease]
    ) -> None:
        ada = await outbox.create()
        lost = await lease_one(outbox)
        await outbox.tick(LEASE_SECONDS)
        valid = await lease_one(outbox)
        before = await stream_of(outbox, ada)
        assert await give_back(outbox, end(lost)) == [lost]
        assert await stream_of(outbox, ada) == before
        assert await give_back(outbox, delivered(valid)) == []

    async def test_lease_of_a_removed_stream_records_nothing(self, outbox: Outbox) -> None:
        await outbox.create()
        lost = delivered(await lease_one(outbox))
        await outbox.tick(LEASE_SECONDS)
        await give_back(outbox, delivered(await lease_one(outbox)))
        assert await give_back(outbox, lost) == [lost]

    async def test_other_leases_are_recorded_with_a_lost_one(self, outbox: Outbox) -> None:
        await outbox.create_many(2)
        (lost,) = await lease(outbox, 1)
        await outbox.tick(LEASE_SECONDS)
        (valid,) = (g for g in await lease(outbox) if g.aggregate_id != lost.aggregate_id)
        assert await give_back(outbox, delivered(lost), delivered(valid)) == [lost]
        assert await stream_of(outbox, valid.aggregate_id) is None
        assert await stream_of(outbox, lost.aggregate_id) is not None


class TestNothingIsLost:
    """A note with pending events has a stream."""

    @pytest.mark.slow
    async def test_event_that_is_written_while_the_stream_is_removed_has_a_stream(
        self, outbox: Outbox
    ) -> None:
        for number in range(20):
            note = await outbox.create(number)
            given = delivered(await lease_one(outbox))
            async with opened(outbox.url) as other:
                await asyncio.gather(give_back(outbox, given), change(other, note))
            again = await lease_one(outbox)
            assert versions(again) == [2]
            await give_back(outbox, delivered(again))

    async def test_stream_with_an_uncommitted_event_is_not_removed(
        self, outbox: Outbox, on_postgres: None
    ) -> None:
        note = await outbox.create()
        given = delivered(await lease_one(outbox))
        async with opened(outbox.url) as other:
            async with other.transaction() as session:
                await write(session, note)
                recording = asyncio.create_task(give_back(outbox, given))
                # It waits for the stream's row, which this transaction has locked.
                await until_blocked(other)
            assert await recording == []
        assert versions(await lease_one(outbox)) == [2]
