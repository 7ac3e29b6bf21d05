"""Writing an event in a transaction, and waking the relays when it is committed."""

import asyncio

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from tests.example.publisher import READER, Outbox, write

from chassis.db.notifications import listen
from chassis.events.outbox.models import OutboxEvent, OutboxStream
from chassis.events.outbox.writing import CHANNEL, WAKE_RELAYS, write_event
from chassis.web.context import current_context, request_context


class TestCause:
    async def test_cause_is_the_current_request(self, outbox: Outbox) -> None:
        context = request_context(b"req-1", None)
        token = current_context.set(context)
        async with outbox.database.transaction() as session:
            event = await write(session, 1)
        current_context.reset(token)
        assert (event.request_id, event.traceparent) == ("req-1", context.traceparent)

    async def test_cause_of_a_command_is_none(self, outbox: Outbox) -> None:
        async with outbox.database.transaction() as session:
            event = await write(session, 1)
            other = await write(session, 1)
        assert (event.request_id, event.traceparent) == (None, None)
        assert event.event_id != other.event_id


class TestStreams:
    async def test_several_events_of_a_note_have_one_stream(self, outbox: Outbox) -> None:
        note = await outbox.create()
        await outbox.change(note, times=2)
        async with outbox.database.write_session() as session:
            stream = (await session.exec(select(OutboxStream))).one()
        assert (stream.subscriber, stream.aggregate_id, stream.next_version) == (READER, note, 1)
        assert (stream.lease_token, stream.failures) == (None, 0)

    async def test_event_can_be_delivered_later(self, outbox: Outbox) -> None:
        async with outbox.database.transaction() as session:
            for note, after_seconds in [(1, 0.0), (2, 60.0)]:
                await write_event(
                    session,
                    "note.created",
                    aggregate_id=note,
                    version=1,
                    data={},
                    after_seconds=after_seconds,
                )
        async with outbox.database.write_session() as session:
            streams = select(OutboxStream).order_by(col(OutboxStream.aggregate_id))
            now, later = (await session.exec(streams)).all()
        assert (later.due_at - now.due_at).total_seconds() > 59

    async def test_event_that_is_rolled_back_leaves_no_rows(self, outbox: Outbox) -> None:
        async with outbox.database.write_session() as session:
            await write(session, 1)
            await session.rollback()
            assert (await session.exec(select(OutboxEvent))).all() == []
        assert await outbox.streams_left() == 0


class TestWaking:
    """The relays of this process are woken when, and only when, an event is committed."""

    async def test_commit_of_an_event_wakes_the_relays_once(self, outbox: Outbox) -> None:
        woken: list[str] = []
        outbox.database.session_info[WAKE_RELAYS] = lambda: woken.append("woken")
        async with outbox.database.write_session() as session:
            await write(session, 1)
            assert woken == []
            await session.commit()
            assert woken == ["woken"]
            await session.get(OutboxStream, (1, READER))
            await session.commit()
            await write(session, 1)
            await session.rollback()
        assert woken == ["woken"]

    async def test_only_a_process_without_relays_notifies_those_of_others(
        self, outbox: Outbox, on_postgres: None
    ) -> None:
        """PostgreSQL lets transactions that notify commit one after the other."""
        heard: asyncio.Queue[str] = asyncio.Queue()
        listening = asyncio.create_task(
            listen(outbox.database.url, CHANNEL, lambda: heard.put_nowait("heard"))
        )
        assert await heard.get()  # it listens
        outbox.database.session_info[WAKE_RELAYS] = lambda: heard.put_nowait("woken")
        await outbox.create_many(3)
        assert [await heard.get() for _ in range(3)] == ["woken"] * 3
        del outbox.database.session_info[WAKE_RELAYS]
        await outbox.create()
        assert await heard.get() == "heard"
        listening.cancel()
        await asyncio.wait([listening])
        assert heard.empty()


@pytest.mark.parametrize(("note", "version"), [(2, 0), (1, 1)], ids=["zero", "repeated"])
async def test_constraints_refuse_a_version(outbox: Outbox, note: int, version: int) -> None:
    await outbox.create(1)
    async with outbox.database.write_session() as session:
        with pytest.raises(IntegrityError):
            await write_event(session, "note.changed", aggregate_id=note, version=version, data={})
