"""Ways to isolate tests: this package's own, and others that look right."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from conformance import KEPT_TABLES, IsolatedTest, OpenStrategy
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import StaticPool

from chassis.db.database import parse_url
from service_testing.databases import delete_rows
from service_testing.isolation import IsolatedDatabase

OpenSession = Callable[[], AbstractAsyncContextManager[AsyncSession]]


@dataclass(frozen=True)
class Sessions:
    session: OpenSession
    request: OpenSession


class OurStrategy:
    """What the fixture `database` does."""

    def __init__(self, database: IsolatedDatabase) -> None:
        self._database = database

    @asynccontextmanager
    async def test(self, *, concurrent: bool = False) -> AsyncIterator[IsolatedTest]:
        async with self._database.one_test(reset=self._reset if concurrent else None):
            yield Sessions(self._database.write_session, self._database.write_session)

    async def _reset(self) -> None:
        await delete_rows(self._database.write_engine, keep_tables=KEPT_TABLES)


@asynccontextmanager
async def ours(database_url: str) -> AsyncIterator[OurStrategy]:
    database = IsolatedDatabase(database_url)
    try:
        yield OurStrategy(database)
    finally:
        await database.aclose()


class SharedSession:
    """The specification's `session` and `client` fixtures: one session for the test and the app.

    At the end of a test it is rolled back, which doesn't undo what was committed.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def test(self, *, concurrent: bool = False) -> AsyncIterator[IsolatedTest]:
        async with AsyncSession(self._engine, expire_on_commit=False) as session:

            @asynccontextmanager
            async def shared() -> AsyncIterator[AsyncSession]:
                yield session

            try:
                yield Sessions(shared, shared)
            finally:
                await session.rollback()


@asynccontextmanager
async def specification(database_url: str) -> AsyncIterator[SharedSession]:
    engine = create_async_engine(parse_url(database_url), poolclass=StaticPool)
    try:
        yield SharedSession(engine)
    finally:
        await engine.dispose()


class OuterTransaction:
    """A transaction around each test, as tutorials have it: without savepoints."""

    def __init__(self, database: IsolatedDatabase) -> None:
        self._engine = database.write_engine

    @asynccontextmanager
    async def test(self, *, concurrent: bool = False) -> AsyncIterator[IsolatedTest]:
        async with self._engine.connect() as connection:
            transaction = await connection.begin()

            def joined() -> AsyncSession:
                return AsyncSession(connection, join_transaction_mode="rollback_only")

            try:
                yield Sessions(joined, joined)
            finally:
                if transaction.is_active:
                    await transaction.rollback()


@asynccontextmanager
async def outer_transaction(database_url: str) -> AsyncIterator[OuterTransaction]:
    database = IsolatedDatabase(database_url)
    try:
        yield OuterTransaction(database)
    finally:
        await database.aclose()


@asynccontextmanager
async def one_engine_for_all() -> AsyncIterator[OpenStrategy]:
    """An engine made from the settings when a module is imported: the first worker's, for each."""
    async with AsyncExitStack() as engines:
        first: list[OurStrategy] = []

        @asynccontextmanager
        async def open_strategy(database_url: str) -> AsyncIterator[OurStrategy]:
            if not first:
                first.append(await engines.enter_async_context(ours(database_url)))
            yield first[0]

        yield open_strategy
