"""`until_blocked` returns when a transaction really waits for a lock."""

import asyncio

import pytest
from example.app import Note
from sqlalchemy import Select, select, text

from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from service_testing import locks
from service_testing.locks import assert_lock_order, is_locked, until_blocked

LOCK = text("SELECT pg_advisory_xact_lock(7)")

NO_NOTE = select(Note.id).where(Note.id == 0)

pytestmark = pytest.mark.committed


@pytest.fixture
def shared(database: Database) -> Database:
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    return database


async def test_until_blocked_returns_when_a_transaction_waits(shared: Database) -> None:
    async def wait_for_it() -> None:
        async with shared.transaction() as second:
            await second.scalar(LOCK)

    async with shared.transaction() as first:
        await first.scalar(LOCK)
        waiting = asyncio.create_task(wait_for_it())
        await until_blocked(shared)
        assert not waiting.done()
    await waiting


async def test_until_blocked_fails_when_no_transaction_waits(
    shared: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(pytest.fail.Exception, match="no transaction has waited for a lock"):
        await until_blocked(shared)


class TestLockOrder:
    """The rows of two notes."""

    @pytest.fixture
    async def notes(self, shared: Database, session: WriteSession) -> list[Select[int]]:
        notes = [Note(title="first"), Note(title="second")]
        session.add_all(notes)
        await session.commit()
        return [select(Note.id).where(Note.id == note.id) for note in notes]

    async def test_locked_row_is_locked_until_the_transaction_ends(
        self, shared: Database, notes: list[Select[int]]
    ) -> None:
        async with shared.transaction() as session:
            await session.scalar(notes[0].with_for_update())
            assert [await is_locked(shared, note) for note in notes] == [True, False]
        assert not await is_locked(shared, notes[0])

    async def test_other_order_fails(self, shared: Database, notes: list[Select[int]]) -> None:
        async def lock_in_order(session: WriteSession) -> None:
            for note in notes:
                await session.scalar(note.with_for_update())

        first, second = notes
        await assert_lock_order(shared, lock_in_order, first=first, later=second)
        with pytest.raises(pytest.fail.Exception, match="before those of `first`"):
            await assert_lock_order(shared, lock_in_order, first=second, later=first)
        with pytest.raises(pytest.fail.Exception, match="no rows to lock"):
            await assert_lock_order(shared, lock_in_order, first=NO_NOTE, later=first)
