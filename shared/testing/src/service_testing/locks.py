"""Waits until one transaction waits for another one's lock, which only the database knows."""

import asyncio

import pytest
from sqlalchemy import text

from chassis.db.database import Database

PATIENCE_SECONDS = 10.0

_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def until_blocked(database: Database) -> None:
    """Wait until a transaction of this PostgreSQL database waits for a lock. Needs committed mode.

    The test fails when no transaction has done so after `PATIENCE_SECONDS`.
    """
    __tracebackhide__ = True
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_SECONDS
    async with database.read_session().connection() as connection:
        while not await connection.scalar(_WAITING):
            if loop.time() > end:
                pytest.fail(f"For {PATIENCE_SECONDS:.0f} s no transaction has waited for a lock.")
            await asyncio.sleep(0.01)
