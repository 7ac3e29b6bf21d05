"""What isolation costs a test, side by side with other ways: `tox -e bench-tests`.

A test that does nothing shows the cost of the isolation alone; one whose app stores a row shows
what a test of a service waits for. The schema is as wide as a small service's.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, insert
from sqlalchemy.ext.asyncio import AsyncSession

from service_testing.databases import delete_rows
from service_testing.isolation import IsolatedDatabase
from service_testing.new_database import NewDatabase

TABLES = 6
METADATA = MetaData()
FIRST = Table("t0", METADATA, Column("id", Integer, primary_key=True), Column("name", String(50)))
for number in range(1, TABLES):
    Table(
        f"t{number}",
        METADATA,
        Column("id", Integer, primary_key=True),
        Column("name", String(50), unique=True),
        Column("parent_id", ForeignKey(f"t{number - 1}.id"), index=True),
    )

Isolate = Callable[[IsolatedDatabase], AbstractAsyncContextManager[Any]]


def rolled_back(database: IsolatedDatabase) -> AbstractAsyncContextManager[None]:
    """Our way for most tests."""
    return database.one_test(reset=None)


def committed(database: IsolatedDatabase) -> AbstractAsyncContextManager[None]:
    """Our way for a test that needs real commits."""

    async def reset() -> None:
        await delete_rows(database.write_engine, keep_tables=())

    return database.one_test(reset=reset)


@asynccontextmanager
async def delete_all(database: IsolatedDatabase) -> AsyncIterator[None]:
    """The specification's `reset_db`: every row of every table, one statement for each."""
    with database.committing():
        yield
        async with AsyncSession(database.write_engine) as session:
            for table in reversed(METADATA.sorted_tables):
                await (await session.connection()).execute(table.delete())
            await session.commit()


@asynccontextmanager
async def create_and_drop(database: IsolatedDatabase) -> AsyncIterator[None]:
    """All tables made for each test, and dropped after it."""
    with database.committing():
        async with database.write_engine.begin() as connection:
            await connection.run_sync(METADATA.create_all)
        yield
        async with database.write_engine.begin() as connection:
            await connection.run_sync(METADATA.drop_all)


def no_isolation(database: IsolatedDatabase) -> AbstractAsyncContextManager[None]:
    """For comparison: rows stay."""
    database._commits = True  # noqa: SLF001 - what `committing` does, without its end
    return nullcontext()


async def nothing(_: IsolatedDatabase) -> None:
    """The test does nothing."""


async def a_row(database: IsolatedDatabase) -> None:
    """The app stores a row."""
    async with database.write_session() as session:
        await (await session.connection()).execute(insert(FIRST).values(name="lamp"))
        await session.commit()


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def database(new_database: NewDatabase, runner: asyncio.Runner) -> Iterator[IsolatedDatabase]:
    with new_database("isolation") as url:
        database = IsolatedDatabase(url)
        runner.run(_create(database))
        yield database
        runner.run(database.aclose())


async def _create(database: IsolatedDatabase) -> None:
    async with database.write_engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)


@pytest.mark.parametrize("does", [nothing, a_row], ids=["an empty test", "a test with a write"])
@pytest.mark.parametrize(
    "isolate", [no_isolation, rolled_back, committed, delete_all, create_and_drop]
)
def test_isolation(
    benchmark: Any,
    runner: asyncio.Runner,
    database: IsolatedDatabase,
    isolate: Isolate,
    does: Callable[[IsolatedDatabase], Awaitable[None]],
    request: pytest.FixtureRequest,
) -> None:
    async def one_test() -> None:
        async with isolate(database):
            await does(database)

    if isolate is create_and_drop:
        runner.run(_drop(database))
    benchmark.group = f"{does.__doc__} ({request.config.getoption('--database')})"
    benchmark.pedantic(lambda: runner.run(one_test()), rounds=300, warmup_rounds=20)


async def _drop(database: IsolatedDatabase) -> None:
    async with database.write_engine.begin() as connection:
        await connection.run_sync(METADATA.drop_all)
