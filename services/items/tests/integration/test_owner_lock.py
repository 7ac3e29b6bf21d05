"""The lock on the owner while an item is created."""

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.errors import OwnerGone, OwnerInactive
from app.services.owners import require_active
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from tests.factories import create_owner


class TestRequireActive:
    async def test_require_active_of_an_unknown_owner_raises_owner_gone(
        self, session: WriteSession
    ) -> None:
        with pytest.raises(OwnerGone):
            await require_active(session, 1)

    @pytest.mark.committed
    async def test_require_active_locks_the_owner_until_the_transaction_ends(
        self, session: WriteSession, database: Database
    ) -> None:
        await create_owner(session, owner_id=1)
        async with database.transaction() as creating:
            await require_active(creating, 1)
            with pytest.raises((DBAPIError, sqlite3.OperationalError)):
                await deactivate_without_waiting(database)
        await deactivate_without_waiting(database)
        with pytest.raises(OwnerInactive):
            await require_active(session, 1)


async def deactivate_without_waiting(database: Database) -> None:
    """Deactivate the owner from another connection, and fail instead of waiting for a lock."""
    statement = "UPDATE owners SET is_active = false"
    if database.is_sqlite:
        with closing(sqlite3.connect(str(database.url.database), timeout=0)) as connection:
            connection.execute(statement)
            connection.commit()
        return
    async with database.write_engine.begin() as transaction:
        await transaction.execute(text("SET LOCAL lock_timeout = '1ms'"))
        await transaction.execute(text(statement))
