"""Writing an event in a transaction, and waking the relays when it is committed."""

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import select
from tests.example.publisher import READER, change, create, streams_left, write

from chassis.db.database import Database
from chassis.events.outbox.models import OutboxEvent, OutboxStream
from chassis.events.outbox.writing import WAKE_RELAYS, write_event
from chassis.web.context import current_context, request_context


async def the_stream(database: Database) -> OutboxStream:
    async with database.write_session() as session:
        return (await session.exec(select(OutboxStream))).one()


class TestCause:
    async def test_cause_is_the_request_under_way(self, outbox: Database) -> None:
        context = request_context(b"req-1", None)
        token = current_context.set(context)
        async with outbox.transaction() as session:
            event = await write(session, 1)
        current_context.reset(token)
        assert (event.request_id, event.traceparent) == ("req-1", context.traceparent)

    async def test_cause_of_a_command_is_none(self, outbox: Database) -> None:
        async with outbox.transaction() as session:
            event = await write(session, 1)
        assert (event.request_id, event.traceparent) == (None, None)

    async def test_each_event_has_an_id_of_its_own(self, outbox: Database) -> None:
        async with outbox.transaction() as session:
            assert (await write(session, 1)).event_id != (await write(session, 1)).event_id


class TestStreams:
    async def test_stream_is_one_however_many_events_it_has(self, outbox: Database) -> None:
        note = await create(outbox)
        await change(outbox, note, times=2)
        stream = await the_stream(outbox)
        assert (stream.subscriber, stream.aggregate_id, stream.next_version) == (READER, note, 1)
        assert (stream.lease_token, stream.failures) == (None, 0)

    async def test_event_that_is_rolled_back_leaves_nothing(self, outbox: Database) -> None:
        async with outbox.write_session() as session:
            await write(session, 1)
            await session.rollback()
            assert (await session.exec(select(OutboxEvent))).all() == []
        assert await streams_left(outbox) == 0


class TestWaking:
    """The relays of this process are woken when, and only when, an event is committed."""

    async def test_relays_are_not_woken_by_other_commits(self, outbox: Database) -> None:
        note = await create(outbox)
        woken = watched(outbox)
        async with outbox.transaction() as session:
            await session.get(OutboxStream, (note, READER))
        assert woken == []


def watched(database: Database) -> list[str]:
    woken: list[str] = []
    database.session_info[WAKE_RELAYS] = lambda: woken.append("woken")
    return woken


@pytest.mark.parametrize(("note", "version"), [(2, 0), (1, 1)], ids=["zero", "repeated"])
async def test_constraints_refuse_a_version(outbox: Database, note: int, version: int) -> None:
    await create(outbox, 1)
    async with outbox.write_session() as session:
        with pytest.raises(IntegrityError):
            await write_event(session, "note.changed", aggregate_id=note, version=version, data={})
