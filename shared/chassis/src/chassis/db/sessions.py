"""The database as a dependency of a route: to read from, or to write in (ADR 0003)."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from chassis.db.database import Database, WriteSession
from chassis.db.reader import Reader


async def get_database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def get_reader(request: Request) -> Reader:
    return reader_of(request)


def reader_of(request: Request) -> Reader:
    """What `Reads` gives, for a route that most requests meet: a dependency takes 4 % of such a request (ADR 0042)."""
    database: Database = request.app.state.database
    return database.reader()


async def write_session(
    database: Annotated[Database, Depends(get_database)],
) -> AsyncIterator[WriteSession]:
    async with database.write_session() as session:
        yield session
        await session.commit()


Reads = Annotated[Reader, Depends(get_reader)]
"""Runs statements that can't write."""

# With FastAPI's default scope the end of these runs after the answer has gone out: a commit that
# fails would then have been reported as done.

Writes = Annotated[WriteSession, Depends(write_session, scope="function")]
"""One transaction for the request, committed before the answer; rolled back when the route raises."""
