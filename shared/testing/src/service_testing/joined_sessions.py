"""Sessions that share one connection, and an end to the test for what that would falsify.

They end the test rather than raise an error, which the app would turn into a 500.
"""

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session


class Owners:
    """The tasks whose sessions are in a transaction on the shared connection."""

    def __init__(self) -> None:
        self._tasks: WeakKeyDictionary[Session, asyncio.Task[Any] | None] = WeakKeyDictionary()

    def add(self, session: Session) -> None:
        self._tasks[session] = asyncio.current_task()
        if self.others():
            pytest.fail(
                "Two tasks use the database at once, but in rollback mode all sessions share one "
                "connection. Mark the test with @pytest.mark.committed."
            )

    def others(self) -> set[asyncio.Task[Any]]:
        busy = {task for session, task in self._tasks.items() if session.in_transaction()}
        return {task for task in busy if task and task is not asyncio.current_task()}


class JoinedSession(Session):
    """Has the connection's `Owners` in its `info`."""


class JoinedReadSession(JoinedSession):
    """Refuses to write, as the connection of a real read session does."""


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
