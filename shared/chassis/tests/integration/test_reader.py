"""What a request reads by: statements on connections that refuse to write, and that come back at once."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import (
    Connection,
    Integer,
    Numeric,
    String,
    and_,
    bindparam,
    case,
    cast,
    column,
    event,
    func,
    literal,
    select,
    table,
    text,
    union_all,
)
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError, StatementError
from sqlalchemy.pool import ConnectionPoolEntry
from tests.example.models import Note

from chassis.db.columns import utc_now
from chassis.db.database import Database
from service_testing.locks import until_blocked
from service_testing.queries import QueryCounter

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


STATEMENTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "columns of each type": (select(Note.id, Note.title, Note.written_at).order_by(Note.id), {}),
    "names of their own": (select(Note.title.label("name"), (Note.id + 1).label("next")), {}),
    "no names": (
        select(func.max(Note.rank), literal("x"), case((func.count() > 1, 1), else_=0)),
        {},
    ),
    "values of each type": (
        select(Note.id).where(
            Note.rank == bindparam("rank"),
            Note.title > bindparam("title"),
            Note.written_at > bindparam("day"),
        ),
        {"rank": 0, "title": "one", "day": utc_now().replace(year=2000)},
    ),
    "a value in two places": (
        select(Note.id).where(and_(Note.id >= bindparam("n"), Note.rank < bindparam("n"))),
        {"n": 2},
    ),
    "a value of the statement": (select(Note.id).where(Note.title == "two"), {}),
    "a value in place of it": (
        select(Note.id).where(Note.id == bindparam("id_is", 1)),
        {"id_is": 2},
    ),
    "a list of values": (select(Note.id).where(Note.id.in_([2, 3])), {}),
    "a part": (
        select(Note.id).order_by(Note.id).limit(bindparam("size")).offset(bindparam("start")),
        {"size": 1, "start": 1},
    ),
    "an exact number": (select(cast(Note.id, Numeric(10, 2))).order_by(Note.id), {}),
    "nothing": (select(Note.id, Note.written_at).where(Note.id == 0), {}),
    "two statements in one": (union_all(select(Note.id), select(Note.rank)), {}),
    "text": (text("SELECT title FROM notes WHERE title = :title"), {"title": "two"}),
}


@pytest.mark.parametrize("name", STATEMENTS)
async def test_rows_are_those_of_a_session(name: str, database: Database) -> None:
    """With asyncpg, most of a reader's statements pass SQLAlchemy by (ADR 0002)."""
    statement, values = STATEMENTS[name]
    async with database.orm_read_session() as session:
        expected = (await session.execute(statement, values)).all()
    for _ in range(2):  # the second finds the statement compiled
        found = await database.reader().rows(statement, values)
        assert found == expected
        if name != "no names":  # SQLAlchemy makes some up, by the way a statement goes
            assert [row._fields for row in found] == [row._fields for row in expected]


async def test_values_pass_the_check_of_their_types(database: Database) -> None:
    statement = select(Note.id).where(Note.written_at == bindparam("day"))
    with pytest.raises((StatementError, ValueError), match="time zone"):
        await database.reader().rows(statement, {"day": utc_now().replace(tzinfo=None)})


async def test_a_select_passes_sqlalchemys_execution_by(
    database: Database, on_postgres: None
) -> None:
    """Its listeners hear of the statement before, and not after."""
    before: list[tuple[object, ...]] = []
    after: list[object] = []
    engine = database.read_engine.sync_engine

    def hear(
        connection: Connection,
        _cursor: object,
        statement: str,
        parameters: object,
        _: object,
        many: bool,
    ) -> None:
        before.append((connection.engine, statement, parameters, many))

    def hear_after(*heard: object) -> None:
        after.append(heard)

    event.listen(engine, "before_cursor_execute", hear)
    event.listen(engine, "after_cursor_execute", hear_after)
    try:
        await database.reader().rows(select(Note.id).where(Note.id == bindparam("n")), {"n": 1})
    finally:
        event.remove(engine, "before_cursor_execute", hear)
        event.remove(engine, "after_cursor_execute", hear_after)
    [(engine_heard, statement, parameters, many)] = before
    assert engine_heard is engine
    assert "notes" in str(statement)
    assert parameters == [1]
    assert not many
    assert not after


async def test_a_value_that_is_missing_is_an_error(database: Database) -> None:
    with pytest.raises(SQLAlchemyError, match="rank"):
        await database.reader().rows(select(Note.id).where(Note.rank == bindparam("rank")))


async def test_a_mistake_in_a_statement_is_the_drivers_error(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught:
        await database.reader().rows(select(column("none_such")).select_from(table("nowhere")))
    assert not caught.value.connection_invalidated
    assert "nowhere" in str(caught.value.orig)
    assert "nowhere" in str(caught.value.statement)
    assert in_use(database) == 0
    assert len(await database.reader().rows(TITLES)) == 2


async def test_an_error_names_no_value(database: Database, on_postgres: None) -> None:
    statement = select(Note.id).where(cast(bindparam("text", type_=String), Integer) == 1)
    with pytest.raises(DBAPIError) as caught:
        await database.reader().rows(statement, {"text": "hunter2"})
    assert "hunter2" not in str(caught.value).replace(str(caught.value.orig), "")


async def test_a_connection_that_breaks_in_the_middle_is_an_error_and_replaced(
    database: Database, on_postgres: None
) -> None:
    with pytest.raises(DBAPIError) as caught:
        await database.reader().value(select(func.pg_terminate_backend(func.pg_backend_pid())))
    assert caught.value.connection_invalidated
    assert in_use(database) == 0
    assert len(await database.reader().rows(TITLES)) == 2


async def test_a_reader_that_is_cancelled_leaves_its_connection_to_nobody(
    database: Database, on_postgres: None
) -> None:
    reasons: list[BaseException | None] = []

    def note(_: object, record: ConnectionPoolEntry, reason: BaseException | None) -> None:
        # One that an earlier test has left broken may be found, and replaced, as well.
        if not isinstance(reason, DisconnectionError):
            reasons.append(reason)

    pool = database.read_engine.pool
    event.listen(pool, "invalidate", note)
    async with database.write_session() as session:
        await session.execute(select(func.pg_advisory_xact_lock(7)))
        lock = select(func.pg_advisory_lock(7))
        waiting = asyncio.create_task(database.reader().value(lock))
        await until_blocked(database)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    event.remove(pool, "invalidate", note)
    assert list(map(type, reasons)) == [asyncio.CancelledError]


async def test_statements_are_counted(database: Database, query_counter: QueryCounter) -> None:
    await database.reader().rows_of_each((TITLES, None), (BY_TITLE, None))
    assert len([s for s in query_counter.statements if "FROM notes" in s]) == 2
