"""A read session: the database refuses writes, and each statement returns its connection."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Select, bindparam, column, event, func, select, table, text
from sqlalchemy.exc import DBAPIError, DisconnectionError, MultipleResultsFound
from sqlalchemy.pool import ConnectionPoolEntry
from tests.example.models import Note

from chassis.db.database import Database
from service_testing.locks import until_blocked
from service_testing.queries import QueryCounter

pytestmark = pytest.mark.committed

TITLES = select(Note.title).order_by(Note.id)
BY_TITLE = select(Note.id, Note.title).where(Note.title == bindparam("wanted"))


async def titles(database: Database) -> Sequence[str]:
    return [title for (title,) in await database.read_session().all(TITLES)]


async def write(database: Database, *names: str) -> None:
    async with database.transaction() as session:
        session.add_all(Note(title=name) for name in names)


def in_use(database: Database) -> int:
    used: int = database.read_engine.pool.checkedout()  # type: ignore[attr-defined]
    return used


@contextmanager
def checkouts(database: Database) -> Iterator[list[object]]:
    taken: list[object] = []

    def take(*connection: object) -> None:
        taken.append(connection)

    event.listen(database.read_engine.sync_engine, "checkout", take)
    yield taken
    event.remove(database.read_engine.sync_engine, "checkout", take)


class TestResults:
    async def test_one_or_none_returns_the_only_row_or_none(self, database: Database) -> None:
        await write(database, "one", "two")
        session = database.read_session()
        row = await session.one_or_none(BY_TITLE, {"wanted": "two"})
        assert row is not None
        assert row.title == "two"
        assert await session.one_or_none(BY_TITLE, {"wanted": "three"}) is None

    async def test_scalar_returns_the_only_value_or_none(self, database: Database) -> None:
        await write(database, "one", "two")
        session = database.read_session()
        assert await session.scalar(select(func.count(Note.id))) == 2
        assert await session.scalar(select(Note.id).where(Note.title == "three")) is None

    async def test_several_rows_are_an_error_where_one_is_expected(
        self, database: Database
    ) -> None:
        await write(database, "one", "two")
        session = database.read_session()
        for read in (session.one_or_none, session.scalar):
            with pytest.raises(MultipleResultsFound):
                await read(TITLES)
        assert in_use(database) == 0


class TestWrites:
    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO notes (title, rank, written_at) VALUES ('x', 0, '2026-01-01 00:00:00')",
            "UPDATE notes SET title = 'x'",
            "DELETE FROM notes",
            "CREATE TABLE other (id integer)",
            "DROP TABLE remarks",
        ],
    )
    async def test_write_is_refused_by_the_database(
        self, database: Database, statement: str
    ) -> None:
        await write(database, "kept")
        with pytest.raises(DBAPIError, match=r"read-?only"):
            await database.read_session().run(lambda c: c.execute(text(statement)))
        assert await titles(database) == ["kept"]

    @pytest.mark.parametrize("end", ["ROLLBACK", "COMMIT"])
    async def test_write_is_refused_after_the_end_of_a_transaction(
        self, database: Database, end: str
    ) -> None:
        def write_after(connection: Connection) -> None:
            for statement in ("BEGIN", end, "DELETE FROM notes"):
                connection.execute(text(statement))

        with pytest.raises(DBAPIError, match=r"read-?only"):
            await database.read_session().run(write_after)

    async def test_write_is_refused_on_a_connection_that_was_used_before(
        self, database: Database
    ) -> None:
        for _ in range(30):
            async with database.read_session().connection() as connection:
                await connection.execute(text("SELECT 1"))
                await connection.rollback()
                with pytest.raises(DBAPIError, match=r"read-?only"):
                    await connection.execute(text("DELETE FROM notes"))


class TestVisibility:
    async def test_each_statement_sees_the_newest_commit(self, database: Database) -> None:
        async with database.read_session().connection() as connection:
            for count in range(3):
                assert await connection.scalar(select(func.count(Note.id))) == count
                await write(database, "another")
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            assert not (driver.in_transaction if database.is_sqlite else driver.is_in_transaction())

    async def test_several_sessions_read_while_one_writes(self, database: Database) -> None:
        async with database.write_session() as writer:
            writer.add(Note(title="x"))
            await writer.flush()
            assert await asyncio.gather(*(titles(database) for _ in range(3))) == [[], [], []]
            await writer.commit()


class TestConnections:
    async def test_each_statement_returns_its_connection(self, database: Database) -> None:
        with checkouts(database) as taken:
            await titles(database)
            await titles(database)
        assert len(taken) == 2
        assert in_use(database) == 0

    async def test_several_statements_may_use_one_connection(self, database: Database) -> None:
        with checkouts(database) as taken:
            await database.read_session().run(lambda c: (c.execute(TITLES), c.execute(TITLES)))
            async with database.read_session().connection() as connection:
                await connection.execute(TITLES)
                await connection.execute(TITLES)
        assert len(taken) == 2

    async def test_connection_is_returned_after_an_error(self, database: Database) -> None:
        wrong: Select[Any] = select(column("none_such")).select_from(table("nowhere"))
        with pytest.raises(DBAPIError) as caught:
            await database.read_session().all(wrong)
        assert not caught.value.connection_invalidated
        assert "nowhere" in str(caught.value.orig)
        assert in_use(database) == 0
        assert await titles(database) == []

    async def test_failed_statement_does_not_affect_the_next(self, database: Database) -> None:
        async with database.read_session().connection() as connection:
            with pytest.raises(DBAPIError):
                await connection.execute(text("SELECT * FROM nothing"))
            assert (await connection.execute(TITLES)).all() == []

    async def test_cancelled_reads_lose_no_connection(self, database: Database) -> None:
        for _ in range(30):  # more often than the pool has connections
            reading = asyncio.create_task(titles(database))
            await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        assert await titles(database) == []
        assert in_use(database) == 0

    async def test_connection_of_a_cancelled_statement_is_not_used_again(
        self, database: Database, on_postgres: None
    ) -> None:
        reasons: list[BaseException | None] = []

        def note(_: object, record: ConnectionPoolEntry, reason: BaseException | None) -> None:
            # A connection that an earlier test has broken may be replaced, too.
            if not isinstance(reason, DisconnectionError):
                reasons.append(reason)

        pool = database.read_engine.pool
        event.listen(pool, "invalidate", note)
        async with database.write_session() as session:
            await (await session.connection()).execute(select(func.pg_advisory_xact_lock(7)))
            lock = select(func.pg_advisory_lock(7))
            waiting = asyncio.create_task(database.read_session().scalar(lock))
            await until_blocked(database)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        event.remove(pool, "invalidate", note)
        assert list(map(type, reasons)) == [asyncio.CancelledError]


async def test_statements_reach_sqlalchemys_events(
    database: Database, query_counter: QueryCounter
) -> None:
    """Tracing and the query counter depend on it."""
    await titles(database)
    assert len([s for s in query_counter.statements if "FROM notes" in s]) == 1
