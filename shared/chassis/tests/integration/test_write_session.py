"""The session of a route that writes: one transaction, committed before the response or rolled back."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from fastapi import APIRouter
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import await_only
from structlog.types import EventDict
from tests.example.app import client_of
from tests.example.asgi import Connection, http_scope
from tests.example.models import Note, Remark

from chassis.db import sessions
from chassis.db.columns import utc_now
from chassis.db.database import Database, insert_if_absent, serialise
from chassis.db.errors import OutcomeUnknown
from chassis.db.sessions import WriteSession, WriteSessionDep
from chassis.web.errors import Forbidden
from service_testing.assertions import assert_error_response
from service_testing.client import AppClient

pytestmark = pytest.mark.committed

router = APIRouter()
Work = Callable[[WriteSession], Awaitable[str]]


@router.post("/notes", status_code=201)
async def create(session: WriteSessionDep, title: str) -> dict[str, str]:
    session.add(Note(title=title))
    return {"title": title}


@router.post("/refused", status_code=201)
async def create_and_refuse(session: WriteSessionDep) -> None:
    session.add(Note(title="x"))
    await session.flush()
    raise Forbidden


@router.post("/broken", status_code=201)
async def create_and_fail(session: WriteSessionDep) -> None:
    session.add(Note(title="x"))
    await session.flush()
    raise RuntimeError


@router.post("/orphans", status_code=201)
async def create_orphan(session: WriteSessionDep) -> dict[str, bool]:
    session.add_all([Note(title="x"), Remark(note_id=404)])
    await session.flush()
    return {"created": True}


@pytest.fixture
def client(database: Database) -> AppClient:
    return client_of(router, database=database)


async def stored(database: Database) -> int:
    return await database.read_session().scalar(select(func.count(Note.id))) or 0


class TestRoute:
    async def test_writes_are_committed_before_the_response(
        self, client: AppClient, database: Database
    ) -> None:
        seen: list[int] = []
        app = client.transport.app

        async def watching(scope: Any, receive: Any, send: Any) -> None:
            async def watch(message: Any) -> None:
                if message["type"] == "http.response.start":
                    seen.append(await stored(database))
                await send(message)

            await app(scope, receive, watch)

        client.transport.app = watching
        await client.post("/notes?title=a")
        assert seen == [1]

    @pytest.mark.parametrize(("path", "status"), [("/refused", 403), ("/broken", 500)])
    async def test_writes_are_rolled_back_when_the_route_raises(
        self, client: AppClient, database: Database, path: str, status: int
    ) -> None:
        assert (await client.post(path)).status_code == status
        assert await stored(database) == 0

    async def test_writes_that_took_long_are_rolled_back_when_the_client_has_gone(
        self, client: AppClient, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert await self.leave(client) == 201  # it isn't asked so early
        assert await stored(database) == 1
        monkeypatch.setattr(sessions, "_PATIENCE_SECONDS", 0)
        assert await self.leave(client) is None
        assert await stored(database) == 1

    async def leave(self, client: AppClient) -> int | None:
        """The status of the response to a client that has gone."""
        connection = Connection({"type": "http.disconnect"})
        scope = {**http_scope("POST", "/notes"), "query_string": b"title=a"}
        await client.transport.app(scope, connection.receive, connection.send)
        return connection.status

    async def test_failed_commit_is_a_500_and_leaves_the_next_request_alone(
        self, client: AppClient, database: Database, logs: list[EventDict]
    ) -> None:
        for _ in range(3):
            assert_error_response(await client.post("/orphans"), 500, "internal_error")
            assert (await client.post("/notes?title=a")).status_code == 201
        assert await stored(database) == 3
        assert "IntegrityError" in logs[0]["exception"]

    async def test_concurrent_requests_are_all_stored(
        self, client: AppClient, database: Database
    ) -> None:
        responses = await asyncio.gather(*(client.post("/notes?title=a") for _ in range(50)))
        assert {response.status_code for response in responses} == {201}
        assert await stored(database) == 50


class TestTransaction:
    async def write(self, database: Database, then: Awaitable[None], title: str = "a") -> Note:
        async with database.transaction() as session:
            note = Note(title=title)
            session.add(note)
            await session.flush()
            await then
        return note

    async def test_transactions_on_sqlite_take_turns_as_they_came(
        self, database: Database, on_sqlite: None
    ) -> None:
        """SQLite's own lock is polled, so the one that comes last may be first."""
        begun: list[int] = []

        async def transact(number: int) -> None:
            async with database.transaction() as session:
                await session.connection()
                begun.append(number)
                await asyncio.sleep(0.02)

        await asyncio.gather(*(transact(number) for number in range(9)))
        assert begun == list(range(9))

    async def test_exception_rolls_back(self, database: Database) -> None:
        async def fail() -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await self.write(database, fail())
        assert await stored(database) == 0

    async def test_cancellation_rolls_back(self, database: Database) -> None:
        begun, waiting = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            begun.set()
            await waiting.wait()

        task = asyncio.create_task(self.write(database, wait()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        waiting.set()
        assert (await self.write(database, wait(), "b")).title == "b"  # readable after the commit
        assert await stored(database) == 1


RAISE = "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{}'; END $$"


class TestTransact:
    @pytest.fixture
    def work(self) -> Callable[[str, int], Work]:
        """Writes a note, and fails with a code the first times."""

        def failing(code: str, times: int) -> Work:
            codes = [code] * times

            async def write(session: WriteSession) -> str:
                session.add(Note(title="a"))
                await session.flush()
                if codes:
                    await (await session.connection()).execute(text(RAISE.format(codes.pop())))
                return "written"

            return write

        return failing

    @pytest.mark.parametrize("code", ["40P01", "40001"])
    async def test_transaction_that_conflicts_is_repeated_once(
        self, database: Database, on_postgres: None, work: Callable[[str, int], Work], code: str
    ) -> None:
        assert await database.transact(work(code, 1)) == "written"
        assert await stored(database) == 1
        with pytest.raises(DBAPIError):
            await database.transact(work(code, 2))
        assert await stored(database) == 1

    async def test_other_failure_is_not_repeated(
        self, database: Database, on_postgres: None, work: Callable[[str, int], Work]
    ) -> None:
        with pytest.raises(DBAPIError):
            await database.transact(work("53100", 1))
        assert await stored(database) == 0


@pytest.mark.usefixtures("on_postgres")
class TestLostAnswerToCommit:
    @pytest.fixture(autouse=True)
    def cut(self, database: Database) -> Iterator[None]:
        """The server commits, and the connection ends before its answer arrives."""

        def commit_and_cut(connection: Any) -> None:
            driver = connection.connection.driver_connection
            await_only(driver.execute("COMMIT"))
            driver.terminate()

        engine = database.write_engine.sync_engine
        event.listen(engine, "commit", commit_and_cut)
        yield
        event.remove(engine, "commit", commit_and_cut)

    async def test_request_is_a_503_that_must_not_be_repeated(
        self, client: AppClient, database: Database, logs: list[EventDict]
    ) -> None:
        response = await client.post("/notes?title=a")
        assert_error_response(response, 503, "outcome_unknown")
        assert "Retry-After" not in response.headers
        assert await stored(database) == 1
        assert logs[0]["event"] == "outcome_unknown"

    async def test_transaction_raises(self, database: Database) -> None:
        with pytest.raises(OutcomeUnknown):
            async with database.transaction() as session:
                session.add(Note(title="a"))
        assert await stored(database) == 1


async def test_exception_has_no_values_of_the_statement(database: Database) -> None:
    async with database.write_session() as session:
        connection = await session.connection()
        with pytest.raises(DBAPIError) as caught:
            await connection.execute(text("SELECT * FROM nothing WHERE a = :a"), {"a": "hunter2"})
    assert "hunter2" not in str(caught.value)


async def test_serialise_lets_one_transaction_pass_at_a_time(database: Database) -> None:
    order: list[str] = []

    async def pass_through(name: str) -> None:
        async with database.transaction() as session:
            await serialise(session, 42)
            order.append(f"{name} in")
            await (await session.connection()).execute(select(func.count(Note.id)))
            order.append(f"{name} out")

    await asyncio.gather(*(pass_through(name) for name in "abcdefgh"))
    steps = iter(order)
    for entered in steps:
        assert next(steps) == entered.replace("in", "out")


async def test_insert_if_absent_inserts_once_under_races(database: Database) -> None:
    async def insert(title: str) -> bool:
        values = {"id": 7, "title": title, "rank": 0, "written_at": utc_now()}
        async with database.transaction() as session:
            return await insert_if_absent(session, Note, values)

    assert sum(await asyncio.gather(*(insert("first") for _ in range(20)))) == 1
    assert not await insert("second")
    assert await database.read_session().scalar(select(Note.title)) == "first"
