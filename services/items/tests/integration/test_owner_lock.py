"""The lock on the owner while an item is created."""

import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.errors import OwnerInactive
from app.schemas import ItemCreate
from app.services import items
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from tests.factories import create_owner

ITEM = ItemCreate(name="Kettle", description=None, price=Decimal("1.00"))


class TestOwnerOfANewItem:
    @pytest.mark.committed
    async def test_create_locks_the_owner_until_the_transaction_ends(
        self, session: WriteSession, database: Database
    ) -> None:
        await create_owner(session, owner_id=1)
        async with database.transaction() as creating:
            await items.create(creating, 1, ITEM)
            with pytest.raises((DBAPIError, sqlite3.OperationalError)):
                await deactivate_without_waiting(database)
        await deactivate_without_waiting(database)
        with pytest.raises(OwnerInactive):
            await items.create(session, 1, ITEM)


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
