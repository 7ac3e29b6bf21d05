"""Properties of SQLite that the services rely on."""

import asyncio
import sqlite3
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, literal, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.example.app import MIGRATIONS, OpenDatabase
from tests.example.models import Note, Remark

from chassis.db import migrations
from chassis.db.database import Database, migration_engine
from service_testing.databases import sqlite_url

pytestmark = [pytest.mark.committed, pytest.mark.usefixtures("on_sqlite")]


async def pragma(engine: AsyncEngine, name: str) -> object:
    async with engine.connect() as connection:
        return await connection.scalar(text(f"PRAGMA {name}"))


async def test_commit_is_synchronous(database: Database) -> None:
    assert await pragma(database.write_engine, "synchronous") == 2  # FULL


async def test_every_connection_waits_for_a_lock(database: Database) -> None:
    assert await pragma(database.write_engine, "busy_timeout") == 10_000
    assert await pragma(database.read_engine, "busy_timeout") == 10_000


async def test_foreign_keys_are_enforced(database: Database) -> None:
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        async with database.transaction() as session:
            session.add(Remark(note_id=404))


async def test_file_is_closed_when_its_opening_is_cancelled(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aiosqlite opens it all the same, and leaves it to the garbage collector."""
    is_open: list[bool] = []

    class Watched(sqlite3.Connection):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            is_open.append(True)

        def close(self) -> None:
            super().close()
            is_open.remove(True)

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Watched))
    for _ in range(20):
        reading = asyncio.create_task(database.read_session().scalar(select(literal(1))))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    async with asyncio.timeout(10):
        while is_open:  # noqa: ASYNC110 - threads close them
            await asyncio.sleep(0.01)


async def test_foreign_keys_are_off_while_the_schema_changes(database_url: str) -> None:
    engine = migration_engine(database_url)
    try:
        assert await pragma(engine, "foreign_keys") == 0
    finally:
        await engine.dispose()


async def test_id_of_a_deleted_row_is_not_reused(database: Database) -> None:
    first, second = Note(title="a"), Note(title="b")
    async with database.transaction() as session:
        session.add(first)
        await session.flush()
        await session.delete(first)
        await session.flush()
        session.add(second)
        await session.flush()
        assert second.id > first.id


async def test_id_has_64_bits(database: Database) -> None:
    async with database.transaction() as session:
        session.add(Note(id=2**63 - 2, title="a", rank=2**63 - 1))
    async with database.transaction() as session:
        assert await session.scalar(select(Note.rank).where(Note.id == 2**63 - 2)) == 2**63 - 1
        # The next id would be the last one; a test shouldn't leave the table like that.
        await (await session.connection()).execute(text("DELETE FROM notes"))
        await (await session.connection()).execute(
            text("DELETE FROM sqlite_sequence WHERE name = 'notes'")
        )


async def test_two_processes_write_at_the_same_time(
    database: Database, open_database: OpenDatabase, database_url: str
) -> None:
    """Two `Database` objects on one file are like two processes to SQLite."""

    async def write(own: Database) -> None:
        for _ in range(20):
            async with own.transaction() as session:
                # Reads first: a transaction that began as a reader could not become a writer.
                await session.scalar(select(func.count(Note.id)))
                session.add(Note(title="a"))

    databases = [open_database(database_url) for _ in range(2)]
    await asyncio.gather(*(write(own) for own in databases for _ in range(3)))
    assert await database.read_session().scalar(select(func.count(Note.id))) == 120


async def test_several_processes_open_a_new_file_at_once(
    open_database: OpenDatabase, empty_database_url: str
) -> None:
    async def first_write(own: Database) -> None:
        async with own.write_engine.begin() as connection:
            await connection.execute(text("CREATE TABLE IF NOT EXISTS t (id INTEGER)"))
            await connection.execute(text("INSERT INTO t VALUES (1)"))

    databases = [open_database(empty_database_url) for _ in range(10)]
    await asyncio.gather(*(first_write(own) for own in databases))


async def test_reader_does_not_block_a_migration(
    open_database: OpenDatabase, empty_database_url: str
) -> None:
    database = open_database(empty_database_url)
    async with database.read_session().connection() as connection:
        await connection.execute(text("SELECT 1"))
        await asyncio.to_thread(migrations.upgrade, empty_database_url, MIGRATIONS)
        assert await connection.scalar(select(func.count(Note.id))) == 0


async def test_new_database_is_opened_while_another_process_writes(tmp_path: Path) -> None:
    """SQLite then refuses the switch to WAL at once, despite the busy timeout."""
    path = tmp_path / "test.db"
    # The timer's thread ends the transaction.
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, other.execute, ["COMMIT"])
    release.start()
    database = Database(sqlite_url(path))
    assert await pragma(database.write_engine, "journal_mode") == "wal"
    await database.aclose()
    release.join()
    other.close()
