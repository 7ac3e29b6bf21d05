"""The session of a route that reads: the database itself refuses to write on it."""

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from tests.example.models import Note

from chassis.db.database import Database

pytestmark = pytest.mark.committed


async def titles(session: AsyncSession) -> list[str]:
    return list(await session.scalars(select(Note.title).order_by(Note.id)))


async def write(database: Database, title: str) -> None:
    async with database.transaction() as session:
        session.add(Note(title=title))


STATEMENTS = [
    "INSERT INTO notes (title, rank, written_at) VALUES ('x', 0, '2026-01-01 00:00:00')",
    "UPDATE notes SET title = 'x'",
    "DELETE FROM notes",
    "CREATE TABLE other (id integer)",
    "DROP TABLE remarks",
]


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_a_write_is_refused(database: Database, statement: str) -> None:
    await write(database, "kept")
    async with database.orm_read_session() as session:
        with pytest.raises(DBAPIError, match=r"read-?only"):
            await session.execute(text(statement))
    async with database.orm_read_session() as session:
        assert await titles(session) == ["kept"]


async def test_a_write_of_the_orm_is_refused_too(database: Database) -> None:
    async with database.orm_read_session() as session:
        session.add(Note(title="x"))
        with pytest.raises(DBAPIError, match=r"read-?only"):
            await session.flush()


@pytest.mark.parametrize("end", ["ROLLBACK", "COMMIT"])
async def test_a_write_is_refused_after_the_end_of_a_transaction_as_before(
    database: Database, end: str
) -> None:
    async with database.orm_read_session() as session:
        await session.execute(text("BEGIN"))
        await session.execute(text(end))
        with pytest.raises(DBAPIError, match=r"read-?only"):
            await session.execute(text("DELETE FROM notes"))


async def test_a_write_is_refused_on_a_connection_that_was_used_before(database: Database) -> None:
    for _ in range(30):
        async with database.orm_read_session() as session:
            await session.execute(text("SELECT 1"))
            await session.rollback()
            with pytest.raises(DBAPIError, match=r"read-?only"):
                await session.execute(text("DELETE FROM notes"))


async def test_each_statement_sees_what_is_committed_by_then(database: Database) -> None:
    async with database.orm_read_session() as session:
        assert await titles(session) == []
        await write(database, "first")
        assert await titles(session) == ["first"]
        await write(database, "second")
        assert await titles(session) == ["first", "second"]


async def test_what_is_not_committed_is_not_seen(database: Database) -> None:
    async with database.write_session() as writes, database.orm_read_session() as reads:
        writes.add(Note(title="x"))
        await writes.flush()
        assert await titles(reads) == []


async def test_no_transaction_is_left_open_between_statements(database: Database) -> None:
    async with database.orm_read_session() as session:
        await titles(session)
        connection = await (await session.connection()).get_raw_connection()
        driver = connection.driver_connection
        assert driver is not None
        assert not (driver.in_transaction if database.is_sqlite else driver.is_in_transaction())


async def test_a_failed_statement_does_not_spoil_the_next(database: Database) -> None:
    async with database.orm_read_session() as session:
        with pytest.raises(DBAPIError):
            await session.execute(text("SELECT * FROM nothing"))
        assert await titles(session) == []


async def test_a_row_can_be_used_after_its_session_is_closed(database: Database) -> None:
    await write(database, "kept")
    async with database.orm_read_session() as session:
        note = await session.scalar(select(Note))
    assert note is not None
    assert note.title == "kept"


async def test_many_sessions_read_at_the_same_time_as_one_writes(database: Database) -> None:
    async with database.write_session() as writes:
        writes.add(Note(title="x"))
        await writes.flush()
        async with database.orm_read_session() as one, database.orm_read_session() as other:
            for session in (one, other):
                assert await session.scalar(select(func.count(Note.id))) == 0
        await writes.commit()


async def test_a_read_session_can_not_be_asked_for_a_transaction_twice(database: Database) -> None:
    async with database.orm_read_session() as session, session.begin():
        with pytest.raises(InvalidRequestError):
            await session.begin()
