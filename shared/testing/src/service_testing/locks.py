"""Which transaction waits for a lock and which one has it, as only the database knows."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import Select, text
from sqlalchemy.exc import DBAPIError

from chassis.db.database import Database
from chassis.db.sessions import WriteSession

PATIENCE_SECONDS = 5.0

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


async def is_locked(database: Database, rows: Select[Any]) -> bool:
    """Whether a transaction of this PostgreSQL database has locked one of the rows. Needs committed mode."""
    async with database.write_session() as session:
        connection = await session.connection()
        try:
            await connection.execute(rows.with_for_update(nowait=True))
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == "55P03":  # lock_not_available
                return True
            raise
    return False


async def assert_lock_order(
    database: Database,
    work: Callable[[WriteSession], Awaitable[object]],
    *,
    first: Select[Any],
    later: Select[Any],
) -> None:
    """`work`, in a transaction that is rolled back, locks the rows of `first` before any row of `later`.

    If all transactions lock rows in the same order, they can't deadlock.
    """
    __tracebackhide__ = True

    async def transact() -> None:
        async with database.write_session() as session:
            await work(session)

    async with database.write_session() as session:
        connection = await session.connection()
        if not (await connection.execute(first.with_for_update())).all():
            pytest.fail("There are no rows to lock first.")
        waiting = asyncio.create_task(transact())
        await until_blocked(database)
        is_too_early = await is_locked(database, later)
    await waiting
    if is_too_early:
        pytest.fail("It locked rows of `later` before those of `first`.")
