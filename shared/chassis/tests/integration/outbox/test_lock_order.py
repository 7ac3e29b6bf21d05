"""All transactions lock streams in one order, so that they can't deadlock (docs/transactions.md)."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Select, select
from sqlmodel import col
from tests.example.publisher import OTHER, READER, Outbox, write

from chassis.db.sessions import WriteSession
from chassis.events.outbox import administration, streams
from chassis.events.outbox.models import OutboxStream
from chassis.events.outbox.subscribers import remove_subscriber
from service_testing.locks import assert_lock_order, until_blocked

pytestmark = pytest.mark.usefixtures("on_postgres")


def stream(subscriber: str, note: int) -> Select[Any]:
    key = col(OutboxStream.subscriber) == subscriber, col(OutboxStream.aggregate_id) == note
    return select(col(OutboxStream.aggregate_id)).where(*key)


async def test_event_locks_streams_by_subscriber(outbox: Outbox) -> None:
    await outbox.register(OTHER)  # after READER, and before it in the order of names
    await outbox.create(1)
    await assert_lock_order(
        outbox.database,
        lambda session: write(session, 1),
        first=stream(OTHER, 1),
        later=stream(READER, 1),
    )


async def test_results_lock_streams_by_aggregate(outbox: Outbox) -> None:
    for note in (2, 1):
        await outbox.create(note)
    async with outbox.database.transaction() as session:
        leases = await streams.lease(session, READER, limit=9, seconds=60, horizon_seconds=300)
    assert [each.aggregate_id for each in leases] == [2, 1]
    await assert_lock_order(
        outbox.database,
        lambda session: streams.give_back(session, READER, leases),
        first=stream(READER, 1),
        later=stream(READER, 2),
    )


async def test_retries_of_parked_events_lock_streams_by_aggregate(outbox: Outbox) -> None:
    for note in (2, 1):
        await outbox.create(note)
        await park(outbox)
    await outbox.change(2)
    await outbox.change(1)
    await assert_lock_order(
        outbox.database,
        lambda session: administration.retry(session, None),
        first=stream(READER, 1),
        later=stream(READER, 2),
    )


async def test_retry_of_all_locks_streams_by_aggregate(outbox: Outbox) -> None:
    for note in (2, 1):
        await outbox.create(note)
    await outbox.tick(-100)
    await assert_lock_order(
        outbox.database,
        administration.retry_waiting,
        first=stream(READER, 1),
        later=stream(READER, 2),
    )


async def test_retry_of_a_parked_event_waits_for_the_relay_of_its_stream(outbox: Outbox) -> None:
    await outbox.create(1)
    await park(outbox)
    await outbox.change(1)
    async with outbox.database.transaction() as session:
        leases = await streams.lease(session, READER, limit=9, seconds=60, horizon_seconds=300)
    async with outbox.database.transaction() as recording:
        leases[0].finish(leases[0].events[0])
        await streams.give_back(recording, READER, leases)  # which removes the stream
        retrying = asyncio.create_task(
            outbox.database.transact(lambda session: administration.retry(session, None))
        )
        await until_blocked(outbox.database)
    assert await retrying == 1
    assert await outbox.streams_left() == 1


async def test_relay_loses_the_lease_of_a_stream_that_is_retried(outbox: Outbox) -> None:
    await outbox.create(1)
    await park(outbox)
    await outbox.change(1)
    async with outbox.database.transaction() as session:
        leases = await streams.lease(session, READER, limit=9, seconds=60, horizon_seconds=300)
    await outbox.database.transact(lambda session: administration.retry(session, None))
    leases[0].finish(leases[0].events[0])
    async with outbox.database.transaction() as session:
        assert await streams.give_back(session, READER, leases) == leases
    assert await outbox.streams_left() == 1


async def test_removal_of_a_subscriber_locks_streams_by_aggregate(outbox: Outbox) -> None:
    for note in (2, 1):
        await outbox.create(note)
    await assert_lock_order(
        outbox.database,
        lambda session: remove_subscriber(session, READER),
        first=stream(READER, 1),
        later=stream(READER, 2),
    )


async def park(outbox: Outbox) -> None:
    """The subscriber refuses everything that is pending."""

    async def refuse(session: WriteSession) -> None:
        leases = await streams.lease(session, READER, limit=9, seconds=60, horizon_seconds=300)
        for each in leases:
            for event in each.events:
                each.parked[event.id] = "no"
                each.finish(event)
        await streams.give_back(session, READER, leases)

    await outbox.database.transact(refuse)
