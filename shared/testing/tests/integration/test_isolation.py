"""What an isolation strategy has to hold. Each of these pairs leaks under a weaker one."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from example.app import Note, Start
from sqlalchemy import delete, func, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from service_testing.client import AppClient
from service_testing.isolation import IsolatedDatabase


async def titles(client: AppClient) -> list[str]:
    return list((await client.get("/notes/")).json())


class TestNothingStays:
    """The same test more than once: whichever runs later would see the row of the earlier."""

    @pytest.mark.parametrize("run", [1, 2])
    async def test_what_the_app_commits(self, client: AppClient, run: int) -> None:
        assert await titles(client) == []
        response = await client.post("/notes/", params={"title": "leaks?"})
        assert response.status_code == 201
        assert await titles(client) == ["leaks?"]

    @pytest.mark.parametrize("run", [1, 2])
    async def test_what_the_test_commits(self, session: AsyncSession, run: int) -> None:
        assert await session.scalar(select(func.count(Note.id))) == 0
        session.add(Note(title="leaks?"))
        await session.commit()

    @pytest.mark.committed
    @pytest.mark.parametrize("run", [1, 2])
    async def test_what_is_committed_for_real(self, client: AppClient, run: int) -> None:
        assert await titles(client) == []
        await client.post("/notes/", params={"title": "leaks?"})
        assert await titles(client) == ["leaks?"]


class TestRollback:
    async def test_of_the_app_keeps_the_rows_of_the_test(
        self, client: AppClient, session: AsyncSession
    ) -> None:
        session.add(Note(title="taken"))
        await session.commit()
        response = await client.post("/notes/", params={"title": "taken"})
        assert response.status_code == 409
        assert await titles(client) == ["taken"]
        assert (await client.post("/notes/", params={"title": "free"})).status_code == 201

    async def test_of_the_test_keeps_what_it_committed_before(self, session: AsyncSession) -> None:
        session.add(Note(title="first"))
        await session.commit()
        session.add(Note(title="first"))
        with pytest.raises(IntegrityError):
            await session.flush()
        await session.rollback()
        assert list(await session.scalars(select(Note.title))) == ["first"]

    async def test_of_a_savepoint_undoes_that_alone(self, session: AsyncSession) -> None:
        session.add(Note(title="kept"))
        savepoint = await session.begin_nested()
        session.add(Note(title="undone"))
        await session.flush()
        await savepoint.rollback()
        await session.commit()
        assert list(await session.scalars(select(Note.title))) == ["kept"]


class TestTwoSessions:
    async def test_see_what_the_other_commits(self, database: IsolatedDatabase) -> None:
        async with database.write_session() as first, database.write_session() as second:
            first.add(Note(title="one"))
            await first.commit()
            second.add(Note(title="two"))
            await second.commit()
            assert await first.scalar(select(func.count(Note.id))) == 2

    async def test_keep_a_write_after_the_reader_closes(self, database: IsolatedDatabase) -> None:
        async with database.orm_read_session() as reader:
            await reader.scalars(select(Note.title))
            async with database.transaction() as writer:
                writer.add(Note(title="written"))
        async with database.orm_read_session() as reader:
            assert list(await reader.scalars(select(Note.title))) == ["written"]

    async def test_undo_what_is_not_committed(self, database: IsolatedDatabase) -> None:
        async with database.write_session() as forgetful:
            forgetful.add(Note(title="forgotten"))
            await forgetful.flush()
        async with database.orm_read_session() as reader:
            assert list(await reader.scalars(select(Note.title))) == []


class TestTheStartOfTheApp:
    @pytest.mark.parametrize("run", [1, 2])
    async def test_leaves_its_rows_to_every_test(
        self, client: AppClient, session: AsyncSession, run: int
    ) -> None:
        assert await session.scalar(select(func.count(Start.id))) == 1

    @pytest.mark.committed
    @pytest.mark.parametrize("run", [1, 2])
    async def test_leaves_its_rows_to_every_committed_test(
        self, client: AppClient, session: AsyncSession, run: int
    ) -> None:
        assert await session.scalar(select(func.count(Start.id))) == 1

    async def test_yields_the_state_of_each_request(self, client: AppClient) -> None:
        assert (await client.get("/motto")).json() == "set by the lifespan"


class TestConcurrentRequests:
    @pytest.mark.committed
    async def test_each_have_a_connection_in_committed_mode(self, client: AppClient) -> None:
        requests = [client.post("/notes/", params={"title": "race"}) for _ in range(20)]
        statuses = [response.status_code for response in await asyncio.gather(*requests)]
        assert sorted(statuses) == [201] + 19 * [409]

    async def test_are_refused_on_one_connection(
        self, client: AppClient, database: IsolatedDatabase
    ) -> None:
        slow = SlowWriter(database)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(slow.write())
            await slow.has_written.wait()
            with pytest.raises(pytest.fail.Exception, match="Two tasks use the database at once"):
                await client.get("/notes/")
            slow.may_end.set()

    async def test_that_a_test_left_behind_end_before_the_next_one(
        self, isolated_database: IsolatedDatabase
    ) -> None:
        slow = SlowWriter(isolated_database)
        async with isolated_database.rolled_back():
            left_behind = asyncio.create_task(slow.write())
            await slow.has_written.wait()
            asyncio.get_running_loop().call_later(0.01, slow.may_end.set)
        assert left_behind.done()


class SlowWriter:
    """A request that is in the middle of its transaction until it may end."""

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


async def test_a_row_can_be_read_after_its_commit(session: AsyncSession) -> None:
    """As by the service's own sessions: no statement is needed, which an attribute couldn't await."""
    note = Note(title="kept")
    session.add(note)
    await session.commit()
    assert note.title == "kept"


class TestReadSessions:
    async def test_refuse_to_flush(self, database: IsolatedDatabase) -> None:
        async with database.orm_read_session() as session:
            session.add(Note(title="written by a reader"))
            with pytest.raises(pytest.fail.Exception, match="asked to write"):
                await session.commit()

    async def test_refuse_a_statement_that_writes(self, database: IsolatedDatabase) -> None:
        async with database.orm_read_session() as session:
            with pytest.raises(pytest.fail.Exception, match="asked to write"):
                await session.execute(delete(Note))

    @pytest.mark.committed
    async def test_are_refused_by_the_database_in_committed_mode(
        self, database: IsolatedDatabase
    ) -> None:
        async with database.orm_read_session() as session:
            with pytest.raises(DBAPIError):
                await session.execute(delete(Note))


async def test_outside_of_a_test_no_session_opens(isolated_database: IsolatedDatabase) -> None:
    with pytest.raises(pytest.fail.Exception, match="outside of a test's isolation"):
        isolated_database.write_session()


@pytest.mark.committed
async def test_reset_db_keeps_what_the_start_of_the_app_wrote(
    client: AppClient, database: IsolatedDatabase, reset_db: Callable[[], Awaitable[None]]
) -> None:
    await client.post("/notes/", params={"title": "doomed"})
    await reset_db()
    async with database.orm_read_session() as session:
        assert await session.scalar(select(func.count(Note.id))) == 0
        assert await session.scalar(select(func.count(Start.id))) == 1
