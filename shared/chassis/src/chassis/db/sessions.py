"""Two kinds of session (ADR 0002): one that only reads, one that is a transaction.

mypy tells them apart, and so does the database: on the connections of a `ReadSession` it refuses writes.
A route takes one of them as a dependency: `session: ReadSessionDep` or `session: WriteSessionDep`.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, TypeVarTuple

from fastapi import Depends, Request
from sqlalchemy import Connection, Row, Select
from sqlalchemy.event import listen
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import Session
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import ClientDisconnect

from chassis.db.errors import OutcomeUnknown
from chassis.web.context import current_seconds

if TYPE_CHECKING:
    from chassis.db.database import Database

Values = Mapping[str, Any]
"""Values of a statement's bound parameters, by their names."""

Columns = TypeVarTuple("Columns")
ValueT = TypeVar("ValueT")
ResultT = TypeVar("ResultT")

MAY_REPEAT = "may_repeat"
"""In the `info` of a session: whether repeating its transaction can't store anything twice."""

_PATIENCE_SECONDS = 0.5
"""No client gives up before. To ask whether it has gone takes 7 % of a short request's CPU."""


class WriteSession(AsyncSession):
    """One transaction. What isn't committed is rolled back when the session closes."""

    def on_commit(self, call: Callable[[], None]) -> None:
        """Call this once, when the transaction has been committed."""
        listen(self.sync_session, "after_commit", lambda _: call(), once=True)

    async def commit(self) -> None:
        """Commit.

        Raises:
            OutcomeUnknown: the connection was lost before the database's answer.
        """
        try:
            await super().commit()
        except (DBAPIError, OSError) as error:
            if isinstance(error, DBAPIError) and not error.connection_invalidated:
                raise
            raise OutcomeUnknown(may_repeat=self.info.get(MAY_REPEAT, False)) from error


class ReadSession:
    """Runs statements that select columns, each on an autocommit connection of its own.

    Each statement sees the newest committed data, and no connection is in use between statements.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        """The database must refuse writes on the connections of `engine`."""
        self._engine = engine

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One connection for several statements."""
        return self._engine.connect()

    async def run(self, read: Callable[[Connection], ResultT]) -> ResultT:
        """What `read` returns, a function that runs statements on one connection.

        SQLAlchemy switches to its own greenlet once, instead of once for each step.
        """

        def connect_and_read(_: Session) -> ResultT:
            with self._engine.sync_engine.connect() as connection:
                return read(connection)

        return await AsyncSession().run_sync(connect_and_read)

    async def all(
        self, statement: Select[*Columns], values: Values | None = None
    ) -> Sequence[Row[*Columns]]:
        """Every row."""
        return await self.run(lambda connection: connection.execute(statement, values).all())

    async def one_or_none(
        self, statement: Select[*Columns], values: Values | None = None
    ) -> Row[*Columns] | None:
        """The only row, or None.

        Raises:
            MultipleResultsFound: there are more.
        """
        return await self.run(
            lambda connection: connection.execute(statement, values).one_or_none()
        )

    async def scalar(
        self, statement: Select[ValueT], values: Values | None = None
    ) -> ValueT | None:
        """The only column of the only row, or None when there is no row.

        Raises:
            MultipleResultsFound: there are more rows.
        """
        return await self.run(
            lambda connection: connection.execute(statement, values).scalar_one_or_none()
        )


async def get_read_session(request: Request) -> ReadSession:
    database: Database = request.state.service.database
    return database.read_session()


async def get_write_session(request: Request) -> AsyncIterator[WriteSession]:
    database: Database = request.state.service.database
    async with database.write_session() as session:
        yield session
        # A client that has given up can't learn that it was done, and will try again.
        if current_seconds() > _PATIENCE_SECONDS and await request.is_disconnected():
            raise ClientDisconnect
        await session.commit()


ReadSessionDep = Annotated[ReadSession, Depends(get_read_session)]
"""Reads of a request."""

# With FastAPI's default scope the code after `yield` runs once the response is sent: a commit that
# fails would then have been reported as a success.
WriteSessionDep = Annotated[WriteSession, Depends(get_write_session, scope="function")]
"""One transaction for the request, committed before the response.

It is rolled back when the route raises, and when the client has gone by the end of a request that took longer than
half a second, such as one that waited for a lock."""
