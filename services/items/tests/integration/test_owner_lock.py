"""The owner of an item that is being put up stays as found until it is."""

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app import owners
from app.errors import OwnerGone, OwnerInactive
from chassis.db.database import Database
from tests.stock import add_owner


class TestRequireActive:
    async def test_require_active_of_nobody_known_raises_owner_gone(
        self, session: AsyncSession
    ) -> None:
        with pytest.raises(OwnerGone):
            await owners.require_active(session, 1)

    @pytest.mark.committed
    async def test_require_active_keeps_the_owner_as_found_until_the_transaction_ends(
        self, session: AsyncSession, database: Database
    ) -> None:
        await add_owner(session, 1)
        async with database.transaction() as creating:
            await owners.require_active(creating, 1)
            with pytest.raises((DBAPIError, sqlite3.OperationalError)):
                await deactivate_without_waiting(database)
        await deactivate_without_waiting(database)
        with pytest.raises(OwnerInactive):
            await owners.require_active(session, 1)


async def deactivate_without_waiting(database: Database) -> None:
    """As an event would, but from another process, and not waiting for a lock."""
    statement = text("UPDATE owners SET is_active = false")
    if database.is_sqlite:
        with closing(sqlite3.connect(str(database.url.database), timeout=0)) as connection:
            connection.execute(str(statement))
            connection.commit()
        return
    async with database.transaction() as session:
        await session.execute(text("SET LOCAL lock_timeout = '1ms'"))
        await session.execute(statement)
