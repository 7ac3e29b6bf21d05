"""An unavailable database is a 503; a bug in a statement is a 500."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from sqlalchemy import func, literal, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.types import EventDict
from tests.example.app import OpenDatabase, client_of
from tests.example.models import Note

from chassis.db.database import Database
from chassis.db.errors import DatabaseUnreachable
from chassis.db.sessions import ReadSessionDep, WriteSessionDep
from service_testing.assertions import assert_error_response
from service_testing.client import AppClient
from service_testing.databases import sqlite_url

router = APIRouter()
entered, leave = asyncio.Event(), asyncio.Event()


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
    return await session.run(lambda connection: connection.scalar(text(sql)))


@router.get("/end")
async def end_own_connection(session: ReadSessionDep) -> Any:
    return await session.scalar(select(func.pg_terminate_backend(func.pg_backend_pid())))


@router.get("/number")
async def read_number(session: ReadSessionDep, number: str) -> Any:
    return await session.scalar(select(Note.id).where(Note.rank == number))


@router.post("/title")
async def insert(session: WriteSessionDep) -> None:
    statement = text("INSERT INTO notes (title) VALUES (:title)")
    values = {"title": "hunter2\nhunter2\n\nhunter2"}
    await (await session.connection()).execute(statement, values)


Connect = Callable[[str], AppClient]
ROUTES = pytest.mark.parametrize(("method", "path"), [("GET", "/read"), ("POST", "/write")])


@pytest.fixture
def connect(open_database: OpenDatabase) -> Connect:
    """A client of an app with the database of a URL."""
    return lambda url: client_of(router, database=open_database(url))


def assert_unavailable(response: httpx.Response) -> None:
    body = assert_error_response(response, 503, "database_unavailable")
    assert body["detail"] == "The database can't be reached; try again shortly."
    assert response.headers["Retry-After"] == "1"


class TestUnreachable:
    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://u:hunter2@127.0.0.1:1/test",
            "postgresql://u:hunter2@127.0.0.1:99999/test",
            "postgresql://u:hunter2@127.0.0.1/test?sslmode=nonsense",
            "sqlite:////no/such/folder/test.db",
        ],
    )
    @ROUTES
    async def test_unreachable_database_is_a_503(
        self, connect: Connect, url: str, method: str, path: str, logs: list[EventDict]
    ) -> None:
        assert_unavailable(await connect(url).request(method, path))
        assert logs[0]["event"] == "database_unavailable"
        assert "DatabaseUnreachable" in logs[0]["exception"]
        assert "hunter2" not in str(logs)

    async def test_corrupt_file_is_a_503_and_leaves_no_thread(
        self, connect: Connect, tmp_path: Path, logs: list[EventDict]
    ) -> None:
        path = tmp_path / "test.db"
        path.write_bytes(b"not a database" * 1000)
        client, before = connect(sqlite_url(path)), threading.enumerate()
        for _ in range(10):
            assert_unavailable(await client.post("/write"))
        assert "file is not a database" in logs[0]["exception"]
        for thread in set(threading.enumerate()) - set(before):
            thread.join(timeout=10)  # the last one may just be ending
            assert not thread.is_alive()

    @pytest.mark.parametrize("change", [{"password": "wrong"}, {"database": "test_nothing"}])
    async def test_refused_log_in_is_a_503(
        self, connect: Connect, database_url: str, on_postgres: None, change: dict[str, str]
    ) -> None:
        url = make_url(database_url).set(**change).render_as_string(hide_password=False)  # type: ignore[arg-type]
        assert_unavailable(await connect(url).get("/read"))

    async def test_exception_contains_the_reason(self, open_database: OpenDatabase) -> None:
        database = open_database("postgresql://u:hunter2@127.0.0.1:1/test")
        with pytest.raises(DatabaseUnreachable, match=r"127\.0\.0\.1"):
            await database.read_session().scalar(select(literal(1)))


END_THE_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
FATAL = b"SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
"""https://www.postgresql.org/docs/current/protocol-error-fields.html"""


async def _receive_the_end(engine: AsyncEngine) -> None:
    """The server ends a connection in the pool; the socket is closed later."""
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
    driver._protocol.data_received(b"E" + (4 + len(FATAL)).to_bytes(4) + FATAL)


async def _end_of_one(engine: AsyncEngine) -> asyncio.Event:
    """Puts a connection into the pool. The event is set when the driver notices its end."""
    ended = asyncio.Event()
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        driver.add_termination_listener(lambda _: ended.set())
    return ended


@pytest.mark.usefixtures("on_postgres")
class TestLostConnection:
    @pytest.fixture
    def database(self, open_database: OpenDatabase, empty_database_url: str) -> Database:
        return open_database(empty_database_url)

    @pytest.fixture
    def client(self, database: Database) -> AppClient:
        return client_of(router, database=database)

    @ROUTES
    async def test_connection_that_ends_in_the_pool_is_replaced(
        self,
        client: AppClient,
        database: Database,
        open_database: OpenDatabase,
        method: str,
        path: str,
    ) -> None:
        ends = [await _end_of_one(e) for e in (database.read_engine, database.write_engine)]
        other = open_database(database.url.render_as_string(hide_password=False))
        async with other.write_engine.connect() as connection:
            await connection.execute(text(END_THE_OTHERS))
        async with asyncio.timeout(60):
            await asyncio.gather(*(end.wait() for end in ends))
        assert (await client.request(method, path)).status_code == 200

    @pytest.mark.parametrize(
        ("method", "path"),
        [("GET", "/read"), ("GET", "/statement?sql=SELECT 1"), ("POST", "/write")],
    )
    async def test_connection_that_is_about_to_close_is_a_503_and_replaced(
        self, client: AppClient, database: Database, method: str, path: str
    ) -> None:
        for engine in (database.read_engine, database.write_engine):
            await _receive_the_end(engine)
        assert_unavailable(await client.request(method, path))
        assert (await client.request(method, path)).status_code == 200

    async def test_connection_that_ends_during_a_statement_is_a_503(
        self, client: AppClient
    ) -> None:
        end = "SELECT pg_terminate_backend(pg_backend_pid())"
        assert_unavailable(await client.get("/statement", params={"sql": end}))
        assert_unavailable(await client.get("/end"))
        assert (await client.get("/read")).status_code == 200

    @pytest.mark.parametrize(
        "code", ["40P01", "40001", "53100", "55P03", "57014", "58030", "25006", "XX001"]
    )
    async def test_transient_error_of_the_server_is_a_503(
        self, client: AppClient, code: str
    ) -> None:
        sql = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$"
        assert_unavailable(await client.get("/statement", params={"sql": sql}))


class TestBusy:
    async def test_request_that_gets_no_connection_in_time_is_a_503(
        self,
        open_database: OpenDatabase,
        database_url: str,
        create_tables: None,
        logs: list[EventDict],
    ) -> None:
        database = open_database(database_url, connections=1, wait_seconds=0.01)
        client = client_of(router, database=database)
        entered.clear()
        leave.clear()
        slow = asyncio.create_task(client.post("/slow"))
        await entered.wait()
        assert_unavailable(await client.post("/write"))
        leave.set()
        assert (await slow).status_code == 200
        assert (await client.post("/write")).status_code == 200
        assert logs[0]["event"] == "database_unavailable"

    async def test_lock_that_is_not_released_in_time_is_a_503(
        self, open_database: OpenDatabase, empty_database_url: str, on_sqlite: None
    ) -> None:
        database = open_database(empty_database_url, lock_timeout_seconds=0.01)
        client = client_of(router, database=database)
        assert (await client.post("/write")).status_code == 200
        async with open_database(empty_database_url).transaction() as session:
            await (await session.connection()).execute(text("CREATE TABLE t (id INTEGER)"))
            assert_unavailable(await client.post("/write"))
        assert (await client.post("/write")).status_code == 200

    async def test_locked_table_is_a_503_within_the_lock_timeout(
        self,
        open_database: OpenDatabase,
        database_url: str,
        create_tables: None,
        on_postgres: None,
        logs: list[EventDict],
    ) -> None:
        client = client_of(router, database=open_database(database_url, lock_timeout_seconds=0.01))
        count = "/statement?sql=SELECT count(*) FROM notes"
        async with open_database(database_url).transaction() as session:
            await (await session.connection()).execute(text("LOCK TABLE notes"))
            assert_unavailable(await client.post("/title"))
            assert_unavailable(await client.get(count))
        assert (await client.get(count)).status_code == 200
        assert logs[0]["event"] == "database_unavailable"


@pytest.mark.usefixtures("create_tables")
class TestBug:
    async def test_write_that_the_database_refuses_is_a_503(
        self, connect: Connect, database_url: str
    ) -> None:
        client = connect(database_url)
        assert_unavailable(await client.get("/statement", params={"sql": "DELETE FROM notes"}))

    @pytest.mark.parametrize(
        "sql",
        ["SELEC 1", "SELECT * FROM nothing", "SELECT nothing FROM notes"],
    )
    async def test_bug_in_a_statement_is_a_500(
        self, connect: Connect, database_url: str, sql: str, logs: list[EventDict]
    ) -> None:
        response = await connect(database_url).get("/statement", params={"sql": sql})
        assert_error_response(response, 500, "internal_error")
        assert logs[0]["event"] == "unhandled_error"

    async def test_wrong_value_is_a_500_and_not_logged(
        self, connect: Connect, database_url: str, on_postgres: None, logs: list[EventDict]
    ) -> None:
        response = await connect(database_url).get("/number?number=hunter2")
        assert_error_response(response, 500, "internal_error")
        assert "hunter2" not in str(logs)

    async def test_values_of_a_row_are_not_logged(
        self, connect: Connect, database_url: str, on_postgres: None, logs: list[EventDict]
    ) -> None:
        response = await connect(database_url).post("/title")
        assert_error_response(response, 500, "internal_error")
        assert "Failing row" not in str(logs)
        assert "hunter2" not in str(logs)
        assert "DETAIL: [redacted]" in logs[0]["exception"]
