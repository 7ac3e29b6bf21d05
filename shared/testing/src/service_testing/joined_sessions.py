"""Sessions that share one connection, and an end to the test for what that would falsify.

They end the test rather than raise an error, which the app would turn into a 500.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import ORMExecuteState
from sqlmodel import Session


class Owners:
    """The tasks whose sessions are in a transaction on the shared connection."""

    def __init__(self) -> None:
        self._tasks: WeakKeyDictionary[Session, asyncio.Task[Any] | None] = WeakKeyDictionary()
        self._reading: Counter[asyncio.Task[Any] | None] = Counter()

    def add(self, session: Session) -> None:
        self._tasks[session] = asyncio.current_task()
        self._refuse_others()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """The current task runs statements on the connection itself until the end of the block."""
        task = asyncio.current_task()
        self._refuse_others()
        self._reading[task] += 1
        try:
            yield
        finally:
            self._reading[task] -= 1
            self._reading += Counter()  # drops those that have ended

    def _refuse_others(self) -> None:
        if self.others():
            pytest.fail(
                "Two tasks use the database at once, but in rollback mode all sessions share one "
                "connection. Mark the test with @pytest.mark.committed."
            )

    def others(self) -> set[asyncio.Task[Any]]:
        busy = {task for session, task in self._tasks.items() if session.in_transaction()}
        busy |= self._reading.keys()
        return {task for task in busy if task and task is not asyncio.current_task()}


class JoinedSession(Session):
    """Has the connection's `Owners` in its `info`."""


class JoinedReadSession(JoinedSession):
    """Refuses to write, as the connection of a real read session does."""


@contextmanager
def refusing_writes(connection: AsyncConnection) -> Iterator[None]:
    """End the test when the block asks the connection to write."""

    def refuse(_: Any, statement: Any, *__: Any) -> None:
        if getattr(statement, "is_dml", False):
            _refuse()

    event.listen(connection.sync_connection, "before_execute", refuse)
    try:
        yield
    finally:
        event.remove(connection.sync_connection, "before_execute", refuse)


@event.listens_for(JoinedSession, "after_transaction_create")
def _take_part(session: Session, *_: Any) -> None:
    session.info["owners"].add(session)


@event.listens_for(JoinedReadSession, "before_flush")
def _refuse_flush(*_: Any) -> None:
    _refuse()


@event.listens_for(JoinedReadSession, "do_orm_execute")
def _refuse_change(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        _refuse()


def _refuse() -> None:
    pytest.fail("A read session was asked to write; its real connection would have refused.")
