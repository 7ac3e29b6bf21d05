"""Isolation of tests: what one test writes is gone in the next, and sessions behave as in production."""

import asyncio

import pytest
from example.app import Note, Start
from sqlalchemy import Executable, delete, func, insert, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from chassis.db.sessions import WriteSession
from service_testing import isolation
from service_testing.client import AppClient
from service_testing.isolation import IsolatedDatabase, Reset

TITLES = select(Note.title).order_by(Note.id)
TWO_TASKS = "Two tasks use the database simultaneously"
COMMITTED = [pytest.param(run, marks=pytest.mark.committed) for run in (3, 4)]
in_each_mode_twice = pytest.mark.parametrize("run", [1, 2, *COMMITTED])


async def titles(database: IsolatedDatabase) -> list[str]:
    return [row.title for row in await database.read_session().all(TITLES)]


async def titles_in_app(client: AppClient) -> list[str]:
    return list((await client.get("/notes/")).json())


class TestNothingStays:
    """Each test runs more than once: a later run would see the row of an earlier one."""

    @in_each_mode_twice
    async def test_commit_of_the_app_is_undone(self, client: AppClient, run: int) -> None:
        assert await titles_in_app(client) == []
        response = await client.post("/notes/", params={"title": "leaks?"})
        assert response.status_code == 201
        assert await titles_in_app(client) == ["leaks?"]

    @in_each_mode_twice
    async def test_commit_of_the_test_is_undone(
        self, client: AppClient, session: WriteSession, run: int
    ) -> None:
        session.add(Note(title="leaks?"))
        await session.commit()
        assert await titles_in_app(client) == ["leaks?"]

    @pytest.mark.parametrize("commits", [False, True])
    async def test_writes_of_a_failed_test_are_undone(
        self, isolated_database: IsolatedDatabase, reset_db: Reset, commits: bool
    ) -> None:
        async def failing_test() -> None:
            async with isolated_database.one_test(reset=reset_db if commits else None):
                assert await titles(isolated_database) == []
                async with isolated_database.transaction() as session:
                    session.add(Note(title="leaks?"))
                raise LookupError

        for _ in range(2):
            with pytest.raises(LookupError):
                await failing_test()

    @in_each_mode_twice
    async def test_ids_do_not_collide_with_those_of_other_tests(
        self, client: AppClient, run: int
    ) -> None:
        for title, status in (("a", 201), ("a", 409), ("b", 201), ("b", 409)):
            assert (await client.post("/notes/", params={"title": title})).status_code == status
        assert await titles_in_app(client) == ["a", "b"]


class TestSessions:
    """As in production: each has its own objects, and undoes its own writes and no others."""

    async def test_object_is_loaded_after_its_commit(self, session: WriteSession) -> None:
        """As in the app: an attribute can't await a statement that loads it again."""
        note = Note(title="kept")
        session.add(note)
        await session.commit()
        assert note.title == "kept"

    async def test_two_write_sessions_see_commits_but_not_objects_of_each_other(
        self, database: IsolatedDatabase
    ) -> None:
        async with database.write_session() as first, database.write_session() as second:
            note = Note(title="one")
            first.add(note)
            await first.commit()
            second.add(Note(title="two"))
            await second.commit()
            assert await first.scalar(select(func.count(Note.id))) == 2
            assert await second.get(Note, note.id) is not note

    async def test_rollback_of_the_app_keeps_rows_of_the_test(
        self, client: AppClient, session: WriteSession
    ) -> None:
        session.add(Note(title="taken"))
        await session.commit()
        for title, status in (("taken", 409), ("free", 201)):
            assert (await client.post("/notes/", params={"title": title})).status_code == status
        assert await titles_in_app(client) == ["taken", "free"]

    async def test_rollback_and_end_of_a_session_undo_what_it_did_not_commit(
        self, database: IsolatedDatabase
    ) -> None:
        async with database.write_session() as session:
            session.add(Note(title="kept"))
            await session.commit()
            session.add(Note(title="undone"))
            await session.flush()
            await session.rollback()
            assert await titles(database) == ["kept"]
            session.add(Note(title="forgotten"))
            await session.flush()
        assert await titles(database) == ["kept"]

    async def test_savepoint_undoes_what_came_after_it(self, database: IsolatedDatabase) -> None:
        async with database.write_session() as session:
            session.add(Note(title="kept"))
            savepoint = await session.begin_nested()
            session.add(Note(title="undone"))
            await session.flush()
            await savepoint.rollback()
            await session.commit()
        assert await titles(database) == ["kept"]

    @pytest.mark.committed
    async def test_concurrent_requests_of_a_committed_test_are_independent(
        self, client: AppClient
    ) -> None:
        requests = [client.post("/notes/", params={"title": f"{n % 10}"}) for n in range(20)]
        responses = await asyncio.gather(*requests)
        statuses = sorted(response.status_code for response in responses)
        assert statuses == [201] * 10 + [409] * 10


class TestReadSession:
    async def test_read_sees_what_is_committed(self, database: IsolatedDatabase) -> None:
        async with database.transaction() as session:
            session.add(Note(title="committed"))
        assert await titles(database) == ["committed"]

    async def test_read_sees_what_is_flushed(self, database: IsolatedDatabase) -> None:
        """Unlike in committed mode: it is the same connection."""
        async with database.write_session() as session:
            session.add(Note(title="flushed"))
            await session.flush()
            assert await titles(database) == ["flushed"]

    @pytest.mark.parametrize(
        "statement",
        [
            insert(Note).values(title="x"),
            delete(Note),
            text("\n  update notes SET title = 'x'"),
            text("DROP TABLE notes"),
        ],
        ids=str,
    )
    async def test_write_fails_the_test(
        self, database: IsolatedDatabase, statement: Executable
    ) -> None:
        async with database.read_session().connection() as connection:
            for execute in (connection.execute, connection.scalar, connection.stream):
                with pytest.raises(pytest.fail.Exception, match="read session was asked to write"):
                    await execute(statement)
            assert list(await connection.scalars(TITLES)) == []

    async def test_write_session_may_write_while_a_read_connection_is_open(
        self, database: IsolatedDatabase
    ) -> None:
        async with database.read_session().connection() as connection:
            async with database.transaction() as session:
                session.add(Note(title="written"))
            assert list(await connection.scalars(TITLES)) == ["written"]

    @pytest.mark.committed
    async def test_in_committed_mode_the_database_refuses_a_write(
        self, database: IsolatedDatabase
    ) -> None:
        async with database.read_session().connection() as connection:
            with pytest.raises(DBAPIError, match=r"read-?only"):
                await connection.execute(delete(Note))

    @pytest.mark.committed
    async def test_in_committed_mode_a_read_sees_committed_rows_alone(
        self, database: IsolatedDatabase
    ) -> None:
        async with database.write_session() as session:
            session.add(Note(title="written"))
            await session.flush()
            assert await titles(database) == []
            await session.commit()
            assert await titles(database) == ["written"]


class TestStartOfTheApp:
    @in_each_mode_twice
    async def test_its_rows_are_there_in_every_test(
        self, client: AppClient, session: WriteSession, run: int
    ) -> None:
        assert await session.scalar(select(func.count(Start.id))) == 1

    @pytest.mark.committed
    async def test_reset_db_keeps_its_rows(
        self,
        client: AppClient,
        database: IsolatedDatabase,
        reset_db: Reset,
    ) -> None:
        await client.post("/notes/", params={"title": "deleted"})
        await reset_db()
        assert await titles(database) == []
        assert await database.read_session().scalar(select(func.count(Start.id))) == 1


class TestTwoTasks:
    async def test_request_during_another_task_s_transaction_fails_the_test(
        self, client: AppClient, database: IsolatedDatabase
    ) -> None:
        slow = SlowWriter(database)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(slow.write())
            await slow.has_written.wait()
            for request in (client.get("/notes/"), client.post("/notes/", params={"title": "x"})):
                with pytest.raises(pytest.fail.Exception, match=TWO_TASKS):
                    await request
            slow.may_end.set()

    async def test_transaction_during_another_task_s_read_fails_the_test(
        self, client: AppClient, database: IsolatedDatabase
    ) -> None:
        async with database.read_session().connection():
            task = asyncio.create_task(client.post("/notes/", params={"title": "x"}))
            with pytest.raises(pytest.fail.Exception, match=TWO_TASKS):
                await task

    async def test_task_that_a_test_leaves_behind_ends_before_the_next_test(
        self, isolated_database: IsolatedDatabase
    ) -> None:
        slow = SlowWriter(isolated_database)
        async with isolated_database.rolled_back():
            task = asyncio.create_task(slow.write())
            await slow.has_written.wait()
            asyncio.get_running_loop().call_later(0.01, slow.may_end.set)
        assert task.done()

    async def test_task_that_does_not_end_is_cancelled_and_fails_the_test(
        self, isolated_database: IsolatedDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(isolation, "_END_OF_REQUESTS_SECONDS", 0.05)
        slow = SlowWriter(isolated_database)
        test = isolated_database.rolled_back()
        await test.__aenter__()
        task = asyncio.create_task(slow.write())
        await slow.has_written.wait()
        with pytest.raises(pytest.fail.Exception, match="still use the database"):
            await test.__aexit__(None, None, None)
        assert task.cancelled()


class SlowWriter:
    """A task that stays in the middle of its transaction until it may end."""

    def __init__(self, database: IsolatedDatabase) -> None:
        self._database = database
        self.has_written = asyncio.Event()
        self.may_end = asyncio.Event()

    async def write(self) -> None:
        async with self._database.transaction() as session:
            session.add(Note(title="slow"))
            await session.flush()
            self.has_written.set()
            await self.may_end.wait()


async def test_session_outside_of_a_test_is_refused(isolated_database: IsolatedDatabase) -> None:
    with pytest.raises(pytest.fail.Exception, match="outside of a test's isolation"):
        isolated_database.write_session()
    with pytest.raises(pytest.fail.Exception, match="outside of a test's isolation"):
        await titles(isolated_database)
