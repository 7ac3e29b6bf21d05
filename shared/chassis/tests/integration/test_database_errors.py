"""A database that is away is a 503; a mistake of ours stays a 500."""

import asyncio
from typing import Any

import pytest
from fastapi import APIRouter
from sqlalchemy import func, literal, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.types import EventDict
from tests.example.app import client_of
from tests.example.models import Note

from chassis.db.database import Database, DatabaseLimits
from chassis.db.errors import DatabaseUnreachable
from chassis.db.sessions import ReadSessionDep, WriteSessionDep
from service_testing.assertions import assert_error_response

router = APIRouter()


@router.get("/read")
async def read(session: ReadSessionDep) -> int | None:
    return await session.scalar(select(literal(1)))


@router.post("/write")
async def write(session: WriteSessionDep) -> int | None:
    found: int | None = await session.scalar(text("SELECT 1"))
    return found


@router.post("/slow")
async def write_slowly(session: WriteSessionDep) -> None:
    await (await session.connection()).execute(text("SELECT 1"))
    entered.set()
    await leave.wait()


@router.get("/statement")
async def run(session: ReadSessionDep, sql: str) -> Any:
    async with session.connection() as connection:
        return await connection.scalar(text(sql))


@router.get("/end")
async def end_own_connection(session: ReadSessionDep) -> Any:
    return await session.scalar(select(func.pg_terminate_backend(func.pg_backend_pid())))


@router.get("/number")
async def read_number(session: ReadSessionDep, number: str) -> Any:
    return await session.scalar(select(Note.id).where(Note.rank == number))


PATIENCE_SECONDS = 60

entered = asyncio.Event()
leave = asyncio.Event()


def unavailable(response: Any) -> None:
    body = assert_error_response(response, 503, "database_unavailable")
    assert body["detail"] == "The database can't be reached; try again shortly."
    assert response.headers["Retry-After"] == "1"


AWAY = [
    "postgresql://u:hunter2@127.0.0.1:1/notes",
    "postgresql://u:hunter2@127.0.0.1:99999/notes",
    "postgresql://u:hunter2@127.0.0.1/notes?unknown_option=1",
    "sqlite:////no/such/folder/notes.db",
]


class TestAway:
    @pytest.mark.parametrize("url", AWAY)
    @pytest.mark.parametrize(("method", "path"), [("GET", "/read"), ("POST", "/write")])
    async def test_a_database_that_can_not_be_reached_is_a_503(
        self, url: str, method: str, path: str, logs: list[EventDict]
    ) -> None:
        database = Database(url)
        client = client_of(router, database=database)
        unavailable(await client.request(method, path))
        await database.aclose()
        assert logs[0]["event"] == "database_unavailable"
        assert "DatabaseUnreachable" in logs[0]["exception"]
        assert "hunter2" not in str(logs)

    @pytest.mark.parametrize("change", [{"password": "wrong"}, {"database": "nothing"}])
    async def test_a_server_that_refuses_us_is_a_503(
        self, database_url: str, on_postgres: None, change: dict[str, str]
    ) -> None:
        url = make_url(database_url).set(**change).render_as_string(hide_password=False)  # type: ignore[arg-type]
        database = Database(url)
        unavailable(await client_of(router, database=database).get("/read"))
        await database.aclose()

    async def test_the_exception_contains_the_reason(self) -> None:
        database = Database(AWAY[0])
        with pytest.raises(DatabaseUnreachable, match=r"127\.0\.0\.1"):
            await database.read_session().scalar(select(literal(1)))
        await database.aclose()


END_THE_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


LAST_WORDS = b"SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
"""https://www.postgresql.org/docs/current/protocol-error-fields.html"""


async def _hear_the_last_words(engine: AsyncEngine) -> None:
    """Of the server, on a connection that rests in the pool; its end is still on the way."""
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
    message = b"E" + (4 + len(LAST_WORDS)).to_bytes(4) + LAST_WORDS
    driver._protocol.data_received(message)


async def _end_of_one(engine: AsyncEngine) -> asyncio.Event:
    """Opens a connection, lets it rest in the pool, and tells when the driver hears of its end."""
    ended = asyncio.Event()
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        driver.add_termination_listener(lambda _: ended.set())
    return ended


class TestLost:
    @pytest.mark.parametrize(("method", "path"), [("GET", "/read"), ("POST", "/write")])
    async def test_a_connection_that_breaks_in_the_pool_is_replaced(
        self, empty_database_url: str, method: str, path: str, on_postgres: None
    ) -> None:
        database, other = Database(empty_database_url), Database(empty_database_url)
        client = client_of(router, database=database)
        ends = [await _end_of_one(e) for e in (database.read_engine, database.write_engine)]
        async with other.write_session() as session:
            await (await session.connection()).execute(text(END_THE_OTHERS))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(end.wait() for end in ends))
        assert (await client.request(method, path)).status_code == 200
        await database.aclose()
        await other.aclose()

    @pytest.mark.parametrize(
        ("method", "path"),
        [("GET", "/read"), ("GET", "/statement?sql=SELECT 1"), ("POST", "/write")],
    )
    async def test_a_connection_whose_end_is_on_the_way_is_a_503_and_replaced(
        self, empty_database_url: str, method: str, path: str, on_postgres: None
    ) -> None:
        database = Database(empty_database_url)
        client = client_of(router, database=database)
        for engine in (database.read_engine, database.write_engine):
            await _hear_the_last_words(engine)
        unavailable(await client.request(method, path))
        assert (await client.request(method, path)).status_code == 200
        await database.aclose()

    async def test_a_connection_that_breaks_in_the_middle_of_a_statement_is_a_503(
        self, empty_database_url: str, on_postgres: None
    ) -> None:
        database = Database(empty_database_url)
        client = client_of(router, database=database)
        end = "SELECT pg_terminate_backend(pg_backend_pid())"
        unavailable(await client.get("/statement", params={"sql": end}))
        unavailable(await client.get("/end"))
        assert (await client.get("/read")).status_code == 200
        await database.aclose()


class TestBusy:
    async def test_a_request_that_gets_no_connection_in_time_is_a_503(
        self, database_url: str, create_tables: None, logs: list[EventDict]
    ) -> None:
        pool = DatabaseLimits(connections=1, wait_seconds=0.01)
        database = Database(database_url, limits=pool)
        client = client_of(router, database=database)
        entered.clear()
        leave.clear()
        slow = asyncio.create_task(client.post("/slow"))
        await entered.wait()
        unavailable(await client.post("/write"))
        leave.set()
        assert (await slow).status_code == 200
        assert (await client.post("/write")).status_code == 200
        await database.aclose()
        assert logs[0]["event"] == "database_unavailable"

    async def test_a_lock_that_is_not_given_in_time_is_a_503(
        self, empty_database_url: str, on_sqlite: None
    ) -> None:
        database, other = Database(empty_database_url), Database(empty_database_url)
        client = client_of(router, database=database)
        assert (await client.post("/write")).status_code == 200
        async with database.write_engine.connect() as connection:
            await connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        async with other.transaction() as session:
            await (await session.connection()).execute(text("CREATE TABLE t (id INTEGER)"))
            unavailable(await client.post("/write"))
        assert (await client.post("/write")).status_code == 200
        await database.aclose()
        await other.aclose()


class TestTransient:
    @pytest.mark.parametrize("code", ["40P01", "40001", "53100", "55P03", "57014", "58030"])
    async def test_transient_error_of_the_server_is_a_503(
        self, empty_database_url: str, on_postgres: None, code: str
    ) -> None:
        database = Database(empty_database_url)
        sql = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$"
        response = await client_of(router, database=database).get("/statement", params={"sql": sql})
        unavailable(response)
        await database.aclose()


class TestMistake:
    @pytest.mark.parametrize(
        "sql",
        ["SELEC 1", "SELECT * FROM nothing", "SELECT nothing FROM notes", "DELETE FROM notes"],
    )
    async def test_in_a_statement_is_a_500(
        self, database_url: str, create_tables: None, sql: str, logs: list[EventDict]
    ) -> None:
        database = Database(database_url)
        client = client_of(router, database=database)
        response = await client.get("/statement", params={"sql": sql})
        assert_error_response(response, 500, "internal_error")
        assert logs[0]["event"] == "unhandled_error"
        await database.aclose()

    async def test_in_a_value_is_a_500_and_the_value_is_not_logged(
        self, database_url: str, create_tables: None, on_postgres: None, logs: list[EventDict]
    ) -> None:
        database = Database(database_url)
        response = await client_of(router, database=database).get("/number?number=hunter2")
        assert_error_response(response, 500, "internal_error")
        assert "hunter2" not in str(logs)
        await database.aclose()


async def test_the_values_of_a_row_are_not_logged(
    database_url: str, create_tables: None, on_postgres: None, logs: list[EventDict]
) -> None:
    writing = APIRouter()

    @writing.post("/")
    async def insert(session: WriteSessionDep) -> None:
        title = "hunter2\nhunter2\n\nhunter2"
        await (await session.connection()).execute(
            text("INSERT INTO notes (title) VALUES (:title)"), {"title": title}
        )

    database = Database(database_url)
    response = await client_of(writing, database=database).post("/")
    assert_error_response(response, 500, "internal_error")
    assert "Failing row" not in str(logs)
    assert "hunter2" not in str(logs)
    assert "DETAIL: [redacted]" in logs[0]["exception"]
    await database.aclose()
