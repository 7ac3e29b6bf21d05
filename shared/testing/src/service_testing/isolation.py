"""The database that a service gets in its tests: what one test writes is gone in the next test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import cast

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db.database import Database
from chassis.db.sessions import ReadSession, WriteSession
from service_testing.shared_connection import (
    GuardedSession,
    ReadOnlyConnection,
    SharedReadSession,
    TaskGuard,
)

Reset = Callable[[], Awaitable[None]]

_END_OF_REQUESTS_SECONDS = 5


class IsolatedDatabase(Database):
    """A database that opens sessions only during a test, or while the app starts or stops.

    In rollback mode all sessions share one connection with an outer transaction that never commits: a commit of a
    session releases a savepoint. Read sessions share it, too. They see what a write session has flushed, and on
    PostgreSQL a statement of theirs that fails makes every later statement of the test fail.

    In committed mode the sessions are those of a `Database`.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._connection: AsyncConnection | None = None
        self._task_guard = TaskGuard()
        self.commits = False
        """Whether it is in committed mode."""

    @asynccontextmanager
    async def one_test(self, *, reset: Reset | None) -> AsyncIterator[None]:
        """Isolate one test: roll it back, or, with `reset`, let it commit and then remove its rows."""
        if reset is None:
            async with self.rolled_back():
                yield
            return
        try:
            with self.committing():
                yield
        finally:
            await reset()

    @asynccontextmanager
    async def rolled_back(self) -> AsyncIterator[None]:
        """Undo everything that is written and committed in the block."""
        async with self.write_engine.connect() as connection:
            transaction = await connection.begin()
            self._connection = connection
            try:
                yield
            finally:
                try:
                    await self._requests_end()
                finally:
                    self._connection = None
                    await transaction.rollback()

    @contextmanager
    def committing(self) -> Iterator[None]:
        """Use committed mode in the block."""
        self.commits, before = True, self.commits
        try:
            yield
        finally:
            self.commits = before

    def write_session(self) -> WriteSession:
        if self.commits:
            return super().write_session()
        return WriteSession(
            self._shared_connection(),
            expire_on_commit=False,
            info={**self.session_info, "task_guard": self._task_guard},
            sync_session_class=GuardedSession,
            # A rollback undoes what this session wrote since its last commit, and nothing else.
            join_transaction_mode="create_savepoint",
        )

    def read_session(self) -> ReadSession:
        return super().read_session() if self.commits else SharedReadSession(self._reading)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        connection = ReadOnlyConnection(self._shared_connection())
        with self._task_guard.reading():
            yield cast(AsyncConnection, connection)

    def _shared_connection(self) -> AsyncConnection:
        if self._connection is None:
            pytest.fail(
                "A session was opened outside of a test's isolation, so nothing would undo what "
                "it writes. Use the fixture `database`, `session` or `client`; a fixture that "
                "lives longer than a test can't use the database."
            )
        return self._connection

    async def _requests_end(self) -> None:
        # Requests that a test leaves behind would go on in the next test.
        if tasks := self._task_guard.other_tasks():
            _, pending = await asyncio.wait(tasks, timeout=_END_OF_REQUESTS_SECONDS)
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending, timeout=_END_OF_REQUESTS_SECONDS)
                pytest.fail(f"Tasks still use the database after the test: {pending}")
