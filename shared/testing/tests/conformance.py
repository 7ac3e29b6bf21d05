"""A conformance suite for ways to isolate tests from each other.

    @pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
    async def test_isolation(check: Check, new_database: NewDatabase) -> None:
        await check(open_strategy, new_database)

Each check runs several tests, one after the other, on tables that it creates itself.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Protocol

from sqlalchemy import insert, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.db.columns import big_id
from chassis.db.database import migration_engine
from service_testing.new_database import NewDatabase

KEPT_TABLES = ("conformance_kept",)
_CONCURRENT_REQUESTS = 20


class NotConforming(AssertionError):
    """A test sees rows of another one, or doesn't see rows that it should."""


class IsolatedTest(Protocol):
    """The sessions of one test."""

    def session(self) -> AbstractAsyncContextManager[AsyncSession]:
        """The test's own session."""
        ...

    def request(self) -> AbstractAsyncContextManager[AsyncSession]:
        """The session that one request to the app gets."""
        ...


class Strategy(Protocol):
    """A way to isolate tests, on one database."""

    def test(self, *, concurrent: bool = False) -> AbstractAsyncContextManager[IsolatedTest]:
        """One test, from its set-up to its clean-up.

        A `concurrent` test makes concurrent requests. It may be isolated in another way.
        """
        ...


OpenStrategy = Callable[[str], AbstractAsyncContextManager[Strategy]]
"""Opens the database with this URL for tests, as a session fixture does."""
Check = Callable[[OpenStrategy, NewDatabase], Awaitable[None]]
"""Gets the fixture `new_database`. Raises any exception when the strategy fails the check."""

CHECKS: dict[str, Check] = {}
"""All checks by their names."""


class _Base(DeclarativeBase):
    pass


class _Row(_Base):
    __tablename__ = "conformance_rows"

    id: Mapped[int] = mapped_column(big_id(), primary_key=True)
    label: Mapped[str] = mapped_column(unique=True)


class _Kept(_Base):
    """Has a row from before the first test, as a table that an app fills when it starts."""

    __tablename__ = KEPT_TABLES[0]

    id: Mapped[int] = mapped_column(primary_key=True)


def _check(body: Callable[[Strategy], Awaitable[None]]) -> None:
    async def run(open_strategy: OpenStrategy, new_database: NewDatabase) -> None:
        async with _worker(open_strategy, new_database, "conformance") as strategy:
            await body(strategy)

    CHECKS[body.__name__] = run


@_check
async def what_a_request_commits_is_gone_in_the_next_test(strategy: Strategy) -> None:
    for _ in range(2):
        async with strategy.test() as test:
            await _expect_rows(test)
            await _request_adds(test, "leaks?")
            await _expect_rows(test, "leaks?")


@_check
async def what_the_test_commits_is_gone_in_the_next_test(strategy: Strategy) -> None:
    for _ in range(2):
        async with strategy.test() as test, test.session() as session:
            await _expect_rows(test)
            session.add(_Row(label="leaks?"))
            await session.commit()
            await _expect_rows(test, "leaks?")


@_check
async def what_a_concurrent_test_commits_is_gone_in_the_next_test(strategy: Strategy) -> None:
    for concurrent in (True, True, False):
        async with strategy.test(concurrent=concurrent) as test:
            await _expect_rows(test)
            await _request_adds(test, "leaks?")


@_check
async def what_a_test_that_fails_did_is_gone_in_the_next_test(strategy: Strategy) -> None:
    for concurrent in (False, True):
        with suppress(_TestFailed):
            async with strategy.test(concurrent=concurrent) as test:
                await _request_adds(test, "leaks?")
                raise _TestFailed
        async with strategy.test() as test:
            await _expect_rows(test)


@_check
async def rows_from_before_the_first_test_stay(strategy: Strategy) -> None:
    for concurrent in (False, True, False):
        async with strategy.test(concurrent=concurrent) as test, test.request() as session:
            if list(await (await session.connection()).scalars(select(_Kept.id))) != [1]:
                raise NotConforming("A test lacks a row that was there before the first one.")


@_check
async def a_request_has_a_session_of_its_own(strategy: Strategy) -> None:
    async with strategy.test() as test, test.session() as session:
        row = _Row(label="one")
        session.add(row)
        await session.commit()
        async with test.request() as request:
            if await request.scalar(select(_Row)) is row:
                raise NotConforming("The app got the test's own object, already loaded.")


@_check
async def what_a_request_does_not_commit_is_undone(strategy: Strategy) -> None:
    async with strategy.test() as test:
        async with test.request() as session:
            session.add(_Row(label="forgotten"))
            await session.flush()
        await _expect_rows(test)


@_check
async def a_rollback_of_a_request_keeps_what_the_test_committed(strategy: Strategy) -> None:
    async with strategy.test() as test, test.session() as session:
        session.add(_Row(label="taken"))
        await session.commit()
        if await _request_adds(test, "taken"):
            raise NotConforming("A duplicate was stored.")
        await _expect_rows(test, "taken")
        await _request_adds(test, "free")
        await _expect_rows(test, "free", "taken")


@_check
async def a_rollback_of_the_test_keeps_what_it_committed(strategy: Strategy) -> None:
    async with strategy.test() as test, test.session() as session:
        session.add(_Row(label="kept"))
        await session.commit()
        session.add(_Row(label="undone"))
        await session.flush()
        await session.rollback()
        await _expect_rows(test, "kept")


@_check
async def a_savepoint_undoes_only_what_came_after_it(strategy: Strategy) -> None:
    async with strategy.test() as test:
        async with test.request() as session:
            session.add(_Row(label="kept"))
            savepoint = await session.begin_nested()
            session.add(_Row(label="undone"))
            await session.flush()
            await savepoint.rollback()
            await session.commit()
        await _expect_rows(test, "kept")


@_check
async def ids_never_collide(strategy: Strategy) -> None:
    for concurrent in (False, True, False):
        async with strategy.test(concurrent=concurrent) as test:
            for number in range(3):
                await _request_adds(test, f"{number}")
                await _request_adds(test, f"{number}")  # a duplicate may use up an id
            await _expect_rows(test, "0", "1", "2")


@_check
async def requests_at_once_do_not_disturb_each_other(strategy: Strategy) -> None:
    labels = [str(number) for number in range(_CONCURRENT_REQUESTS // 2)]
    async with strategy.test(concurrent=True) as test:
        requests = [_request_adds(test, label) for label in (*labels, *labels)]
        # Wait for all of them: a request that goes on would disturb the next check.
        outcomes = await asyncio.gather(*requests, return_exceptions=True)
        if sorted(map(repr, outcomes)) != ["False"] * len(labels) + ["True"] * len(labels):
            raise NotConforming(f"Two requests for each label should be one success: {outcomes}")
        await _expect_rows(test, *labels)


async def parallel_workers_do_not_meet(
    open_strategy: OpenStrategy, new_database: NewDatabase
) -> None:
    async with (
        _worker(open_strategy, new_database, "conformance_one") as one,
        _worker(open_strategy, new_database, "conformance_two") as two,
        one.test() as test,
        two.test() as other,
    ):
        await _request_adds(test, "the same")
        await _expect_rows(other)
        await _request_adds(other, "the same")
        await _expect_rows(other, "the same")


async def a_database_that_is_not_for_tests_is_refused(
    open_strategy: OpenStrategy, new_database: NewDatabase
) -> None:
    async with _database(new_database, "conformance") as database_url:
        url = make_url(database_url)
        folder, slash, _ = (url.database or "").rpartition("/")
        # Nobody has a database of this name, so nothing is lost if the strategy opens it.
        real = url.set(database=f"{folder}{slash}latest-production")
        try:
            async with open_strategy(real.render_as_string(hide_password=False)):
                pass
        except Exception:  # noqa: BLE001 - its class is the strategy's choice
            return
    raise NotConforming("A database was opened whose name doesn't mark it as one for tests.")


CHECKS |= {
    check.__name__: check
    for check in (parallel_workers_do_not_meet, a_database_that_is_not_for_tests_is_refused)
}


@asynccontextmanager
async def _worker(
    open_strategy: OpenStrategy, new_database: NewDatabase, name: str
) -> AsyncIterator[Strategy]:
    async with _database(new_database, name) as url:
        await _make_tables(url)
        async with open_strategy(url) as strategy:
            yield strategy


@asynccontextmanager
async def _database(new_database: NewDatabase, name: str) -> AsyncIterator[str]:
    database = new_database(name)
    url = await asyncio.to_thread(database.__enter__)
    try:
        yield url
    finally:
        await asyncio.to_thread(database.__exit__, None, None, None)


class _TestFailed(Exception):
    """The failure of a test that a check runs."""


async def _request_adds(test: IsolatedTest, label: str) -> bool:
    """Handle a request that stores a row. Returns False, after a rollback, for a duplicate."""
    async with test.request() as session:
        session.add(_Row(label=label))
        try:
            await session.commit()
        except IntegrityError:
            await session.rollback()
            return False
        return True


async def _expect_rows(test: IsolatedTest, *labels: str) -> None:
    async with test.request() as session:
        found = list(
            await (await session.connection()).scalars(select(_Row.label).order_by(_Row.label))
        )
    if found != sorted(labels):
        raise NotConforming(f"A request sees the rows {found}, not {sorted(labels)}.")


async def _make_tables(database_url: str) -> None:
    engine = migration_engine(database_url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_Base.metadata.drop_all)
            await connection.run_sync(_Base.metadata.create_all)
            await connection.execute(insert(_Kept).values(id=1))
    finally:
        await engine.dispose()
