"""What a request reads by: statements on connections that refuse to write, and that come back at once."""

import asyncio

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError
from tests.example.models import Note

from chassis.database import Database

pytestmark = pytest.mark.committed

TITLES = select(Note.title).order_by(Note.id)
BY_TITLE = select(Note.id, Note.title).where(Note.title == "one")


@pytest.fixture(autouse=True)
async def notes(database: Database) -> None:
    async with database.transaction() as session:
        session.add_all([Note(title="one"), Note(title="two")])


def in_use(database: Database) -> int:
    used: int = database.read_engine.pool.checkedout()  # type: ignore[attr-defined]
    return used


async def test_rows_are_all_rows(database: Database) -> None:
    assert [row.title for row in await database.reader().rows(TITLES)] == ["one", "two"]


async def test_rows_of_each_come_in_order_by_one_connection(database: Database) -> None:
    by_title = text("SELECT title FROM notes WHERE title = :title")
    taken: list[object] = []

    def take(*connection: object) -> None:
        taken.append(connection)

    event.listen(database.read_engine.sync_engine, "checkout", take)
    try:
        found = await database.reader().rows_of_each((TITLES, None), (by_title, {"title": "two"}))
    finally:
        event.remove(database.read_engine.sync_engine, "checkout", take)
    assert [[row.title for row in rows] for rows in found] == [["one", "two"], ["two"]]
    assert len(taken) == 1


async def test_row_is_the_only_one_or_none(database: Database) -> None:
    reader = database.reader()
    found = await reader.row(BY_TITLE)
    assert found is not None
    assert found.title == "one"
    assert await reader.row(BY_TITLE.where(Note.id == 0)) is None


async def test_row_refuses_to_choose_between_two(database: Database) -> None:
    with pytest.raises(ValueError, match="too many"):
        await database.reader().row(TITLES)


async def test_value_is_the_first_column_or_none(database: Database) -> None:
    reader = database.reader()
    assert await reader.value(select(func.count(Note.id))) == 2
    assert await reader.value(BY_TITLE.where(Note.id == 0)) is None


async def test_values_are_bound(database: Database) -> None:
    statement = text("SELECT title FROM notes WHERE title = :title")
    assert await database.reader().value(statement, {"title": "two"}) == "two"


async def test_a_write_is_refused_by_the_database(database: Database) -> None:
    with pytest.raises(DBAPIError, match=r"read-?only"):
        await database.reader().rows(text("DELETE FROM notes"))
    assert await database.reader().value(select(func.count(Note.id))) == 2


async def test_what_was_committed_meanwhile_is_seen(database: Database) -> None:
    reader = database.reader()
    await reader.rows(TITLES)
    async with database.transaction() as session:
        session.add(Note(title="three"))
    assert len(await reader.rows(TITLES)) == 3


async def test_the_connection_comes_back_after_a_statement_and_after_an_error(
    database: Database,
) -> None:
    reader = database.reader()
    await reader.rows(TITLES)
    assert in_use(database) == 0
    with pytest.raises(DBAPIError):
        await reader.rows(text("SELECT nothing FROM nowhere"))
    assert in_use(database) == 0


async def test_the_connection_comes_back_from_a_reader_that_was_cancelled(
    database: Database,
) -> None:
    """More often than the pool has connections: none is lost."""
    reader = database.reader()
    for _ in range(30):
        reading = asyncio.create_task(reader.rows(TITLES))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert len(await reader.rows(TITLES)) == 2
    assert in_use(database) == 0
