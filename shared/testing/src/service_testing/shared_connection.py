"""Lets sessions share one connection, and fails the test for what doesn't work on it.

The failure is `pytest.fail` instead of an error, which the app would turn into a response with status 500.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, cast
from weakref import WeakKeyDictionary

import pytest
from sqlalchemy import Connection, Executable, TextClause, event
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Session

from chassis.db.sessions import ReadSession, ResultT

_EXECUTING = {"execute", "exec_driver_sql", "scalar", "scalars", "stream", "stream_scalars"}
_WRITING = re.compile(
    r"\s*(INSERT|UPDATE|DELETE|MERGE|CREATE|ALTER|DROP|TRUNCATE)\b", re.IGNORECASE
)


class TaskGuard:
    """Fails the test when a task uses the connection while another task does."""

    def __init__(self) -> None:
        self._sessions: WeakKeyDictionary[Session, asyncio.Task[Any] | None] = WeakKeyDictionary()
        self._reading: list[asyncio.Task[Any] | None] = []

    def begins(self, session: Session) -> None:
        """The current task begins a transaction with the session."""
        self._sessions[session] = asyncio.current_task()
        self._refuse_a_second_task()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """The current task runs statements of its own in the block."""
        self._refuse_a_second_task()
        task = asyncio.current_task()
        self._reading.append(task)
        try:
            yield
        finally:
            self._reading.remove(task)

    def other_tasks(self) -> set[asyncio.Task[Any]]:
        """The tasks that use the connection, without the current one."""
        busy = {task for session, task in self._sessions.items() if session.in_transaction()}
        busy.update(self._reading)
        return {task for task in busy if task and task is not asyncio.current_task()}

    def _refuse_a_second_task(self) -> None:
        if self.other_tasks():
            pytest.fail(
                "Two tasks use the database simultaneously, but in rollback mode all sessions share one "
                "connection. Mark the test with @pytest.mark.committed."
            )


class GuardedSession(Session):
    """A session with a `TaskGuard` in its `info`."""


@event.listens_for(GuardedSession, "after_transaction_create")
def _begin(session: Session, *_: Any) -> None:
    session.info["task_guard"].begins(session)


class ReadOnlyConnection:
    """The shared connection as a read session sees it: a statement that writes fails the test."""

    def __init__(self, connection: AsyncConnection | Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._connection, name)
        return _refusing_writes(attribute) if name in _EXECUTING else attribute


class SharedReadSession(ReadSession):
    """A read session whose statements run on the shared connection."""

    def __init__(self, connect: Callable[[], AbstractAsyncContextManager[AsyncConnection]]) -> None:
        self._connect = connect

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self._connect()

    async def run(self, read: Callable[[Connection], ResultT]) -> ResultT:
        def read_only(connection: Connection) -> ResultT:
            return read(cast(Connection, ReadOnlyConnection(connection)))

        async with self.connection() as connection:
            return await connection.run_sync(read_only)


def _refusing_writes(method: Callable[..., Any]) -> Callable[..., Any]:
    def execute(statement: Executable | str, *args: Any, **options: Any) -> Any:
        if _writes(statement):
            pytest.fail(
                f"A read session was asked to write, which its real connection refuses: {statement}"
            )
        return method(statement, *args, **options)

    return execute


def _writes(statement: Executable | str) -> bool:
    if isinstance(statement, str | TextClause):
        return _WRITING.match(str(statement)) is not None
    return statement.is_dml
