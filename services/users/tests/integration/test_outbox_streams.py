"""Leases: who may deliver whose events, and what is recorded."""

import asyncio

import pytest

from app.models import OutboxEvent, OutboxStream
from app.outbox import streams
from app.outbox.streams import EVENTS_PER_LEASE, Lease, Outcome
from app.schemas import ProfilePatch
from app.services import accounts
from chassis.db.database import Database
from service_testing.frozen_time import FrozenTime
from service_testing.locks import until_blocked
from service_testing.queries import QueryCounter
from tests.sinks import register, rename
from tests.spare_database import opened

LEASE_SECONDS = 50


async def lease(database: Database, limit: int = 10) -> list[Lease]:
    async with database.transaction() as session:
        return await streams.lease(session, limit=limit, seconds=LEASE_SECONDS)


async def record(database: Database, *outcomes: Outcome) -> list[Lease]:
    async with database.transaction() as session:
        return await streams.record(session, outcomes)


async def pending(database: Database, *user_ids: int) -> dict[int, list[int]]:
    """The versions of the events that these users' streams go on with."""
    async with database.orm_read_session() as session:
        events = await streams.pending_events(session, user_ids)
    return {user_id: [event.version for event in own] for user_id, own in events.items()}


async def delivered(database: Database, given: Lease, count: int | None = None) -> Outcome:
    """An outcome in which the first events, or all, have been delivered."""
    async with database.orm_read_session() as session:
        events = (await streams.pending_events(session, [given.user_id]))[given.user_id]
    return Outcome(given, delivered_ids=[event.id for event in events[:count] if event.id])


async def stream_of(database: Database, user_id: int) -> OutboxStream | None:
    async with database.orm_read_session() as session:
        return await session.get(OutboxStream, user_id)


class TestLease:
    async def test_lease_of_no_streams_is_none(self, outbox: Database) -> None:
        assert await lease(outbox) == []

    async def test_leased_stream_is_nobody_else_s_until_the_lease_ends(
        self, outbox: Database, frozen_time: FrozenTime
    ) -> None:
        user_id = await register(outbox)
        (first,) = await lease(outbox)
        assert (first.user_id, first.failures) == (user_id, 0)
        frozen_time.tick(LEASE_SECONDS - 0.01)
        assert await lease(outbox) == []
        frozen_time.tick(0.01)
        (second,) = await lease(outbox)
        assert second.user_id == user_id
        assert second.token != first.token

    async def test_lease_takes_those_that_have_waited_longest(
        self, outbox: Database, frozen_time: FrozenTime
    ) -> None:
        user_ids = []
        for number in range(4):
            user_ids.append(await register(outbox, number))
            frozen_time.tick(1)
        await rename(outbox, user_ids[0], "Ada")  # which has waited no less for that
        assert {each.user_id for each in await lease(outbox, 2)} == set(user_ids[:2])
        assert {each.user_id for each in await lease(outbox, 9)} == set(user_ids[2:])

    async def test_two_relays_that_lease_at_once_take_different_streams(
        self, outbox: Database, spare_database_url: str, pytestconfig: pytest.Config
    ) -> None:
        if pytestconfig.getoption("--database") == "sqlite":
            pytest.skip("SQLite has one writing transaction at a time")
        user_ids = {await register(outbox, number) for number in range(4)}
        async with (
            opened(spare_database_url) as other,
            outbox.transaction() as one_session,
            other.transaction() as other_session,
        ):
            one = await streams.lease(one_session, limit=2, seconds=LEASE_SECONDS)
            two = await streams.lease(other_session, limit=9, seconds=LEASE_SECONDS)
        assert (len(one), len(two)) == (2, 2)
        assert {each.user_id for each in (*one, *two)} == user_ids


class TestPendingEvents:
    async def test_pending_events_are_each_user_s_own_in_order(self, outbox: Database) -> None:
        ada, eva = await register(outbox, 1), await register(outbox, 2)
        await rename(outbox, ada, "Ada", "Ida")
        assert await pending(outbox, ada, eva) == {ada: [1, 2, 3], eva: [1]}
        assert await pending(outbox, eva) == {eva: [1]}

    async def test_pending_events_of_one_user_are_a_bounded_number(self, outbox: Database) -> None:
        ada = await register(outbox)
        await rename(outbox, ada, *(f"Ada {number}" for number in range(EVENTS_PER_LEASE)))
        assert await pending(outbox, ada) == {ada: list(range(1, EVENTS_PER_LEASE + 1))}

    async def test_pending_events_go_on_behind_a_gap(self, outbox: Database) -> None:
        ada = await register(outbox)
        await rename(outbox, ada, *(f"Ada {number}" for number in range(EVENTS_PER_LEASE)))
        (given,) = await lease(outbox)
        await record(outbox, await delivered(outbox, given))
        assert await pending(outbox, ada) == {ada: [EVENTS_PER_LEASE + 1]}

    async def test_pending_events_of_many_users_are_one_statement(self, outbox: Database) -> None:
        user_ids = [await register(outbox, number) for number in range(5)]
        counter = QueryCounter()
        with counter.watching(outbox.read_engine), counter.at_most(1):
            assert len(await pending(outbox, *user_ids)) == 5


class TestDelivered:
    async def test_stream_without_events_left_is_removed(self, outbox: Database) -> None:
        ada = await register(outbox)
        (given,) = await lease(outbox)
        assert await record(outbox, await delivered(outbox, given)) == []
        assert await stream_of(outbox, ada) is None
        assert await pending(outbox, ada) == {}

    async def test_stream_with_events_left_is_given_back_at_once(self, outbox: Database) -> None:
        ada = await register(outbox)
        await rename(outbox, ada, "Ada")
        (given,) = await lease(outbox)
        await record(outbox, await delivered(outbox, given, 1))
        assert [each.user_id for each in await lease(outbox)] == [ada]
        assert await pending(outbox, ada) == {ada: [2]}

    async def test_stream_with_an_event_that_came_meanwhile_is_given_back(
        self, outbox: Database
    ) -> None:
        ada = await register(outbox)
        (given,) = await lease(outbox)
        outcome = await delivered(outbox, given)
        await rename(outbox, ada, "Ada")
        await record(outbox, outcome)
        assert [each.user_id for each in await lease(outbox)] == [ada]

    async def test_parked_event_is_out_of_the_way_with_its_reason(self, outbox: Database) -> None:
        ada = await register(outbox)
        await rename(outbox, ada, "Ada")
        (given,) = await lease(outbox)
        (event_id, _) = (await delivered(outbox, given)).delivered_ids
        await record(outbox, Outcome(given, parked={event_id: "status 400"}))
        assert await pending(outbox, ada) == {ada: [2]}
        async with outbox.orm_read_session() as session:
            parked = await session.get(OutboxEvent, event_id)
        assert parked is not None
        assert (parked.parked_reason, parked.delivered_at) == ("status 400", None)


class TestFailed:
    async def test_failed_stream_waits_as_long_as_it_shall(
        self, outbox: Database, frozen_time: FrozenTime
    ) -> None:
        ada = await register(outbox)
        (given,) = await lease(outbox)
        await record(outbox, Outcome(given, error="status 503", retry_in_seconds=7))
        stream = await stream_of(outbox, ada)
        assert stream is not None
        assert (stream.failures, stream.last_error) == (1, "status 503")
        assert await lease(outbox) == []
        frozen_time.tick(7)
        (again,) = await lease(outbox)
        assert again.failures == 1

    async def test_failures_are_counted_until_an_event_gets_through(self, outbox: Database) -> None:
        ada = await register(outbox)
        await rename(outbox, ada, "Ada")
        for failures in (1, 2, 3):
            (given,) = await lease(outbox)
            outcome = Outcome(given, error="no")
            assert outcome.failures == failures
            await record(outbox, outcome)
        (given,) = await lease(outbox)
        outcome = await delivered(outbox, given, 1)
        outcome.error = "no"
        assert outcome.failures == 1
        await record(outbox, outcome)
        (given,) = await lease(outbox)
        assert given.failures == 1
        await record(outbox, await delivered(outbox, given))
        assert await stream_of(outbox, ada) is None

    async def test_failures_are_forgotten_when_all_goes_well(self, outbox: Database) -> None:
        ada = await register(outbox)
        await rename(outbox, ada, "Ada")
        (given,) = await lease(outbox)
        await record(outbox, Outcome(given, error="no"))
        (given,) = await lease(outbox)
        await record(outbox, await delivered(outbox, given, 1))
        stream = await stream_of(outbox, ada)
        assert stream is not None
        assert (stream.failures, stream.last_error, stream.lease_token) == (0, None, None)

    async def test_failures_stand_when_a_lease_is_given_back_unused(self, outbox: Database) -> None:
        ada = await register(outbox)
        (given,) = await lease(outbox)
        await record(outbox, Outcome(given, error="no"))
        (given,) = await lease(outbox)
        await record(outbox, Outcome(given))
        stream = await stream_of(outbox, ada)
        assert stream is not None
        assert (stream.failures, stream.last_error, stream.lease_token) == (1, "no", None)


class TestFencing:
    """Whoever has lost a lease records nothing: the events are another's now."""

    @pytest.mark.parametrize("kind", ["delivered", "failed", "given back"])
    async def test_lost_lease_records_nothing(
        self, outbox: Database, frozen_time: FrozenTime, kind: str
    ) -> None:
        ada = await register(outbox)
        (lost,) = await lease(outbox)
        frozen_time.tick(LEASE_SECONDS)
        (held,) = await lease(outbox)
        outcomes = {
            "delivered": await delivered(outbox, lost),
            "failed": Outcome(lost, error="no", retry_in_seconds=1000),
            "given back": Outcome(lost),
        }
        before = await stream_of(outbox, ada)
        assert await record(outbox, outcomes[kind]) == [lost]
        assert await stream_of(outbox, ada) == before
        assert await pending(outbox, ada) == {ada: [1]}
        assert await record(outbox, await delivered(outbox, held)) == []

    async def test_lease_of_a_stream_that_is_gone_records_nothing(
        self, outbox: Database, frozen_time: FrozenTime
    ) -> None:
        await register(outbox)
        (lost,) = await lease(outbox)
        stale = await delivered(outbox, lost)
        frozen_time.tick(LEASE_SECONDS)
        (held,) = await lease(outbox)
        await record(outbox, await delivered(outbox, held))
        assert await record(outbox, stale) == [lost]

    async def test_lost_lease_does_not_keep_others_from_being_recorded(
        self, outbox: Database, frozen_time: FrozenTime
    ) -> None:
        ada, eva = await register(outbox, 1), await register(outbox, 2)
        (lost,) = await lease(outbox, 1)
        frozen_time.tick(LEASE_SECONDS)
        held = {each.user_id: each for each in await lease(outbox)}
        other = eva if lost.user_id == ada else ada
        outcomes = [await delivered(outbox, lost), await delivered(outbox, held[other])]
        assert await record(outbox, *outcomes) == [lost]
        assert await pending(outbox, other) == {}
        assert await pending(outbox, lost.user_id) == {lost.user_id: [1]}


class TestNothingIsLost:
    """Whenever events are pending, a stream says so."""

    @pytest.mark.slow
    async def test_event_that_is_written_while_the_stream_is_removed_has_a_stream(
        self, outbox: Database, spare_database_url: str
    ) -> None:
        for number in range(20):
            user_id = await register(outbox, number)
            (given,) = await lease(outbox)
            outcome = await delivered(outbox, given)
            async with opened(spare_database_url) as other:
                await asyncio.gather(record(outbox, outcome), rename(other, user_id, "Ada"))
            (again,) = await lease(outbox)
            assert await pending(outbox, user_id) == {user_id: [2]}
            await record(outbox, await delivered(outbox, again))

    async def test_event_that_is_not_committed_yet_keeps_the_stream(
        self, outbox: Database, spare_database_url: str, pytestconfig: pytest.Config
    ) -> None:
        if pytestconfig.getoption("--database") == "sqlite":
            pytest.skip("SQLite has one writing transaction at a time")
        user_id = await register(outbox)
        (given,) = await lease(outbox)
        outcome = await delivered(outbox, given)
        async with opened(spare_database_url) as other:
            async with other.transaction() as session:
                await accounts.change(session, user_id, ProfilePatch(name="Ada"))
                recording = asyncio.create_task(record(outbox, outcome))
                # It waits for the stream's row, which this transaction has.
                await until_blocked(other)
            assert await recording == []
        assert [each.user_id for each in await lease(outbox)] == [user_id]
        assert await pending(outbox, user_id) == {user_id: [2]}
