"""The session of a route that writes: one transaction, kept as a whole or not at all."""

import asyncio
from typing import Any

import pytest
from fastapi import APIRouter
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from structlog.types import EventDict
from tests.example.app import client_of
from tests.example.asgi import Connection, http_scope
from tests.example.models import Note, Remark

from chassis.db.columns import utc_now
from chassis.db.database import Database, insert_if_absent, serialise
from chassis.db.sessions import WriteSessionDep
from chassis.web.errors import Forbidden
from service_testing.assertions import assert_error_response
from service_testing.client import AppClient

pytestmark = pytest.mark.committed

router = APIRouter()


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
    async with database.read_session().connection() as connection:
        return await connection.scalar(select(func.count(Note.id))) or 0


class TestRoute:
    async def test_what_it_writes_is_committed_before_it_is_answered(
        self, client: AppClient, database: Database
    ) -> None:
        """Seen from within: the answer begins when the row is there for others."""
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
    async def test_what_it_wrote_is_undone_when_it_raises(
        self, client: AppClient, database: Database, path: str, status: int
    ) -> None:
        assert (await client.post(path)).status_code == status
        assert await stored(database) == 0

    async def test_what_it_wrote_is_undone_when_the_client_has_gone(
        self, client: AppClient, database: Database
    ) -> None:
        connection = Connection({"type": "http.disconnect"})
        scope = {**http_scope("POST", "/notes"), "query_string": b"title=a"}
        await client.transport.app(scope, connection.receive, connection.send)
        assert await stored(database) == 0
        assert connection.status is None

    async def test_a_constraint_that_fails_at_the_commit_is_not_answered_as_done(
        self, client: AppClient, database: Database, logs: list[EventDict]
    ) -> None:
        response = await client.post("/orphans")
        assert_error_response(response, 500, "internal_error")
        assert await stored(database) == 0
        assert "IntegrityError" in logs[0]["exception"]

    async def test_a_commit_that_failed_does_not_spoil_the_next_request(
        self, client: AppClient, database: Database
    ) -> None:
        for _ in range(3):
            assert (await client.post("/orphans")).status_code == 500
            assert (await client.post("/notes?title=a")).status_code == 201
        assert await stored(database) == 3

    async def test_requests_at_the_same_time_are_all_kept(
        self, client: AppClient, database: Database
    ) -> None:
        responses = await asyncio.gather(*(client.post("/notes?title=a") for _ in range(50)))
        assert {response.status_code for response in responses} == {201}
        assert await stored(database) == 50


class TestTransaction:
    async def test_is_rolled_back_when_its_block_raises(self, database: Database) -> None:
        async def write_and_fail() -> None:
            async with database.transaction() as session:
                session.add(Note(title="a"))
                await session.flush()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await write_and_fail()
        assert await stored(database) == 0

    async def test_is_rolled_back_when_its_task_is_cancelled(self, database: Database) -> None:
        written = asyncio.Event()

        async def write_and_wait() -> None:
            async with database.transaction() as session:
                session.add(Note(title="a"))
                await session.flush()
                written.set()
                await asyncio.get_running_loop().create_future()

        task = asyncio.create_task(write_and_wait())
        await written.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with database.transaction() as session:
            session.add(Note(title="b"))
        assert await stored(database) == 1

    async def test_leaves_its_rows_readable(self, database: Database) -> None:
        async with database.transaction() as session:
            note = Note(title="a")
            session.add(note)
        assert note.title == "a"


class TestExceptions:
    async def test_do_not_repeat_the_values_of_the_statement(self, database: Database) -> None:
        async with database.write_session() as session:
            with pytest.raises(DBAPIError) as caught:
                await (await session.connection()).execute(
                    text("SELECT * FROM nothing WHERE a = :a"), {"a": "hunter2"}
                )
        assert "hunter2" not in str(caught.value)


class TestSerialise:
    async def test_lets_one_transaction_pass_at_a_time(self, database: Database) -> None:
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


class TestInsertIfAbsent:
    async def test_keeps_the_row_that_is_there(self, database: Database) -> None:
        async with database.transaction() as session:
            for title in ("first", "second"):
                values = {"id": 7, "title": title, "rank": 0, "written_at": utc_now()}
                await insert_if_absent(session, Note, values)
            assert [await session.scalar(select(Note.title))] == ["first"]

    async def test_does_not_fail_however_many_try_at_once(self, database: Database) -> None:
        values = {"id": 7, "title": "a", "rank": 0, "written_at": utc_now()}

        async def insert() -> None:
            async with database.transaction() as session:
                await insert_if_absent(session, Note, values)

        await asyncio.gather(*(insert() for _ in range(20)))
        assert await stored(database) == 1
