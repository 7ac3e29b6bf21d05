"""Waits for a lock that another transaction holds to be waited for: only the database knows when."""

import asyncio

from sqlalchemy import text

from chassis.db.database import Database

PATIENCE_SECONDS = 60.0

_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def until_blocked(database: Database) -> None:
    """Wait until a transaction of this PostgreSQL database waits for another one's lock.

    Raises:
        TimeoutError: none did, for `PATIENCE_SECONDS`.
    """
    async with asyncio.timeout(PATIENCE_SECONDS), database.orm_read_session() as session:
        while not await session.scalar(_WAITING):  # noqa: ASYNC110 - the database sends no event
            await asyncio.sleep(0.01)
