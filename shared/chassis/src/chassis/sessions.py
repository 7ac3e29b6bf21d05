"""Database sessions as dependencies of a route (ADR 0003)."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from chassis.database import Database, ReadSession, WriteSession


async def get_database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def read_session(
    database: Annotated[Database, Depends(get_database)],
) -> AsyncIterator[ReadSession]:
    async with database.read_session() as session:
        yield session


async def write_session(
    database: Annotated[Database, Depends(get_database)],
) -> AsyncIterator[WriteSession]:
    async with database.write_session() as session:
        yield session
        await session.commit()


# With FastAPI's default scope the end of these runs after the answer has gone out: a commit that
# fails would then have been reported as done.

Reads = Annotated[ReadSession, Depends(read_session, scope="function")]
"""A session that can't write."""

Writes = Annotated[WriteSession, Depends(write_session, scope="function")]
"""One transaction for the request, committed before the answer; rolled back when the route raises."""
