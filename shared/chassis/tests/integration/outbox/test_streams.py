"""Leases of streams, and what is recorded at their end."""

import asyncio

import pytest
from tests.example.publisher import READER, change, create, opened, write

from chassis.db.database import Database
from chassis.events.outbox import streams
from chassis.events.outbox.models import OutboxStream
from chassis.events.outbox.streams import Lease, Outcome
from service_testing.frozen_time import FrozenTime
from service_testing.locks import until_blocked
from service_testing.queries import QueryCounter

LEASE_SECONDS = 50


async def lease(database: Database, limit: int = 10, *, subscriber: str = READER) -> list[Lease]:
    async with database.transaction() as session:
        return await streams.lease(session, subscriber, limit=limit, seconds=LEASE_SECONDS)


async def record(database: Database, *outcomes: Outcome, subscriber: str = READER) -> list[Lease]:
    async with database.transaction() as session:
        return await streams.record(session, subscriber, outcomes)


async def pending(
    database: Database, *note_ids: int, subscriber: str = READER
) -> dict[int, list[int]]:
    """The versions of the events that these notes' streams go on with."""
    async with database.transaction() as session:
        events = await streams.pending_events(session, subscriber, note_ids)
    return {note_id: [event.version for event in own] for note_id, own in events.items()}


def delivered(given: Lease, count: int = 1) -> Outcome:
    """An outcome in which this many events have been delivered."""
    outcome = Outcome(given)
    outcome.next_version += count
    return outcome


async def stream_of(
    database: Database, note_id: int, *, subscriber: str = READER
) -> OutboxStream | None:
    async with database.write_session() as session:
        return await session.get(OutboxStream, (note_id, subscriber))


class TestLease:
    async def test_leased_stream_is_nobody_else_s_until_the_lease_ends(
        self, outbox: Database, frozen_time: FrozenTime
    ) -> None:
        note_id = await create(outbox)
        (first,) = await lease(outbox)
        assert (first.aggregate_id, first.failures) == (note_id, 0)
        frozen_time.tick(LEASE_SECONDS - 0.01)
        assert await lease(outbox) == []
        frozen_time.tick(0.01)
        (second,) = await lease(outbox)
        assert second.aggregate_id == note_id
        assert second.token != first.token

    async def test_lease_takes_those_that_have_waited_longest(
        self, outbox: Database, frozen_time: FrozenTime
    ) -> None:
        note_ids = []
        for number in range(4):
            note_ids.append(await create(outbox, number))
            frozen_time.tick(1)
        await change(outbox, note_ids[0])  # which has waited no less for that
        assert {each.aggregate_id for each in await lease(outbox, 2)} == set(note_ids[:2])
        assert {each.aggregate_id for each in await lease(outbox, 9)} == set(note_ids[2:])

    async def test_two_relays_that_lease_at_once_take_different_streams(
        self, outbox: Database, outbox_url: str, pytestconfig: pytest.Config
    ) -> None:
        if pytestconfig.getoption("--database") == "sqlite":
            pytest.skip("SQLite has one writing transaction at a time")
        note_ids = {await create(outbox, number) for number in range(4)}
        async with (
            opened(outbox_url) as other,
            outbox.transaction() as one_session,
            other.transaction() as other_session,
        ):
            one = await streams.lease(one_session, READER, limit=2, seconds=LEASE_SECONDS)
            two = await streams.lease(other_session, READER, limit=9, seconds=LEASE_SECONDS)
        assert (len(one), len(two)) == (2, 2)
        assert {each.aggregate_id for each in (*one, *two)} == note_ids


class TestPendingEvents:
    async def test_pending_events_of_many_users_are_one_statement(self, outbox: Database) -> None:
        note_ids = [await create(outbox, number) for number in range(5)]
        counter = QueryCounter()
        with counter.watching(outbox.write_engine), counter.at_most(1):
            assert len(await pending(outbox, *note_ids)) == 5


class TestFailed:
    async def test_failures_are_counted_until_an_event_gets_through(self, outbox: Database) -> None:
        ada = await create(outbox)
        await change(outbox, ada)
        for failures in (1, 2, 3):
            (given,) = await lease(outbox)
            outcome = Outcome(given, error="no")
            assert outcome.failures == failures
            await record(outbox, outcome)
        (given,) = await lease(outbox)
        outcome = delivered(given)
        outcome.error = "no"
        assert outcome.failures == 1
        await record(outbox, outcome)
        (given,) = await lease(outbox)
        assert given.failures == 1
        await record(outbox, delivered(given))
        assert await stream_of(outbox, ada) is None

    async def test_failures_are_forgotten_when_all_goes_well(self, outbox: Database) -> None:
        ada = await create(outbox)
        await change(outbox, ada)
        (given,) = await lease(outbox)
        await record(outbox, Outcome(given, error="no"))
        (given,) = await lease(outbox)
        await record(outbox, delivered(given))
        stream = await stream_of(outbox, ada)
        assert stream is not None
        assert (stream.failures, stream.last_error, stream.lease_token) == (0, None, None)

    async def test_failures_stand_when_a_lease_is_given_back_unused(self, outbox: Database) -> None:
        ada = await create(outbox)
        (given,) = await lease(outbox)
        await record(outbox, Outcome(given, error="no"))
        (given,) = await lease(outbox)
        await record(outbox, Outcome(given))
        stream = await stream_of(outbox, ada)
        assert stream is not None
        assert (stream.failures, stream.last_error, stream.lease_token) == (1, "no", None)


class TestFencing:
    """A relay that has lost its lease records nothing: the stream has another holder."""

    @pytest.mark.parametrize("kind", ["delivered", "failed", "given back"])
    async def test_lost_lease_records_nothing(
        self, outbox: Database, frozen_time: FrozenTime, kind: str
    ) -> None:
        ada = await create(outbox)
        (lost,) = await lease(outbox)
        frozen_time.tick(LEASE_SECONDS)
        (held,) = await lease(outbox)
        outcomes = {
            "delivered": delivered(lost),
            "failed": Outcome(lost, error="no", retry_in_seconds=1000),
            "given back": Outcome(lost),
        }
        before = await stream_of(outbox, ada)
        assert await record(outbox, outcomes[kind]) == [lost]
        assert await stream_of(outbox, ada) == before
        assert await pending(outbox, ada) == {ada: [1]}
        assert await record(outbox, delivered(held)) == []

    async def test_lease_of_a_stream_that_is_gone_records_nothing(
        self, outbox: Database, frozen_time: FrozenTime
    ) -> None:
        await create(outbox)
        (lost,) = await lease(outbox)
        stale = delivered(lost)
        frozen_time.tick(LEASE_SECONDS)
        (held,) = await lease(outbox)
        await record(outbox, delivered(held))
        assert await record(outbox, stale) == [lost]

    async def test_lost_lease_does_not_keep_others_from_being_recorded(
        self, outbox: Database, frozen_time: FrozenTime
    ) -> None:
        ada, eva = await create(outbox, 1), await create(outbox, 2)
        (lost,) = await lease(outbox, 1)
        frozen_time.tick(LEASE_SECONDS)
        held = {each.aggregate_id: each for each in await lease(outbox)}
        other = eva if lost.aggregate_id == ada else ada
        outcomes = [delivered(lost), delivered(held[other])]
        assert await record(outbox, *outcomes) == [lost]
        assert await pending(outbox, other) == {}
        assert await pending(outbox, lost.aggregate_id) == {lost.aggregate_id: [1]}


class TestNothingIsLost:
    """Whenever events are pending, a stream says so."""

    @pytest.mark.slow
    async def test_event_that_is_written_while_the_stream_is_removed_has_a_stream(
        self, outbox: Database, outbox_url: str
    ) -> None:
        for number in range(20):
            note_id = await create(outbox, number)
            (given,) = await lease(outbox)
            outcome = delivered(given)
            async with opened(outbox_url) as other:
                await asyncio.gather(record(outbox, outcome), change(other, note_id))
            (again,) = await lease(outbox)
            assert await pending(outbox, note_id) == {note_id: [2]}
            await record(outbox, delivered(again))

    async def test_event_that_is_not_committed_yet_keeps_the_stream(
        self, outbox: Database, outbox_url: str, pytestconfig: pytest.Config
    ) -> None:
        if pytestconfig.getoption("--database") == "sqlite":
            pytest.skip("SQLite has one writing transaction at a time")
        note_id = await create(outbox)
        (given,) = await lease(outbox)
        outcome = delivered(given)
        async with opened(outbox_url) as other:
            async with other.transaction() as session:
                await write(session, note_id)
                recording = asyncio.create_task(record(outbox, outcome))
                # It waits for the stream's row, which this transaction has.
                await until_blocked(other)
            assert await recording == []
        assert [each.aggregate_id for each in await lease(outbox)] == [note_id]
        assert await pending(outbox, note_id) == {note_id: [2]}
