"""The database that a service gets in its tests: it keeps one test's rows from the next test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from chassis.db.database import Database
from chassis.db.reader import Reader
from chassis.db.sessions import ReadSession, WriteSession
from service_testing.databases import refuse_real_database
from service_testing.joined_sessions import (
    JoinedReadSession,
    JoinedSession,
    Owners,
    refusing_writes,
)

SessionT = TypeVar("SessionT", bound=AsyncSession)
Reset = Callable[[], Awaitable[None]]

_REQUEST_TIMEOUT_SECONDS = 5


class _JoinedReader(Reader):
    """Reads by the sessions that the database has for reading in rollback mode."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.read_engine)
        self._database = database

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        with self._database.orm_read_session().sync_session as session:
            yield session.connection()


class IsolatedDatabase(Database):
    """A database whose sessions are refused unless a test, or the app's start, is under way.

    In rollback mode every session joins one connection with an outer transaction: a session's
    commit ends a savepoint, and the outer transaction never commits. Reads can't be autocommit
    there: they also see what an open write session has flushed, and on PostgreSQL a statement
    that fails in a read session fails the rest of the test. Committed mode is the real thing.
    """

    def __init__(self, url: str) -> None:
        """Raises `NotATestDatabase` when the URL's database isn't marked as one."""
        refuse_real_database(url)
        super().__init__(url)
        self._connection: AsyncConnection | None = None
        self._owners = Owners()
        self._commits = False

    @asynccontextmanager
    async def one_test(self, *, reset: Reset | None) -> AsyncIterator[None]:
        """Isolate one test: roll it back, or let it commit and have `reset` remove its rows."""
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
        """Undo at the end of the block whatever was written and committed in it."""
        async with self.write_engine.connect() as connection:
            transaction = await connection.begin()
            self._connection = connection
            try:
                yield
            finally:
                await self._requests_end()
                self._connection = None
                await transaction.rollback()

    @contextmanager
    def committing(self) -> Iterator[None]:
        """Let sessions be the service's own: what they commit stays."""
        self._commits, before = True, self._commits
        try:
            yield
        finally:
            self._commits = before

    def write_session(self) -> WriteSession:
        if self._commits:
            return super().write_session()
        # A rollback undoes this session's savepoint, and nothing of what the test wrote before.
        return self._joined(
            WriteSession, sync_session_class=JoinedSession, join_transaction_mode="create_savepoint"
        )

    def read_session(self) -> ReadSession:
        return super().read_session() if self._commits else ReadSession(self._reading)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        connection = self._shared_connection()
        with self._owners.reading(), refusing_writes(connection):
            yield connection

    def orm_read_session(self) -> AsyncSession:
        if self._commits:
            return super().orm_read_session()
        # With a savepoint, closing this session would undo what others wrote since it opened.
        return self._joined(
            AsyncSession,
            sync_session_class=JoinedReadSession,
            join_transaction_mode="rollback_only",
            autoflush=False,
        )

    def reader(self) -> Reader:
        return super().reader() if self._commits else _JoinedReader(self)

    def _joined(self, kind: type[SessionT], **options: Any) -> SessionT:
        return kind(
            self._shared_connection(),
            expire_on_commit=False,
            info={**self.session_info, "owners": self._owners},
            **options,
        )

    def _shared_connection(self) -> AsyncConnection:
        if self._connection is None:
            pytest.fail(
                "A session was opened outside of a test's isolation, so nothing would undo what "
                "it writes. Take the fixture `database`, `session` or `client`; a fixture that "
                "serves several tests can't use the database."
            )
        return self._connection

    async def _requests_end(self) -> None:
        # A test that failed may have left some behind, which would go on into the next test.
        if others := self._owners.others():
            await asyncio.wait(others, timeout=_REQUEST_TIMEOUT_SECONDS)
