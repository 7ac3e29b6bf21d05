"""A second database, in which a test may commit."""

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from typing import Any

from sqlalchemy import Row
from sqlalchemy.sql.expression import Executable

from chassis.db.database import Database


def opened(url: str) -> aclosing[Database]:
    """The database, with connections of its own."""
    return aclosing(Database(url))


def stored_rows(url: str, statement: Executable) -> list[Row[*tuple[Any, ...]]]:
    """The rows of a statement, for tests that aren't async because they run commands."""
    return asyncio.run(_rows(url, statement))


def store(url: str, objects: Iterable[object]) -> None:
    """Add rows, in the given order."""
    asyncio.run(_store(url, objects))


async def _rows(url: str, statement: Executable) -> list[Row[*tuple[Any, ...]]]:
    async with opened(url) as database, database.read_session().connection() as connection:
        return list(await connection.execute(statement))


async def _store(url: str, objects: Iterable[object]) -> None:
    async with opened(url) as database, database.transaction() as session:
        for instance in objects:
            session.add(instance)
            await session.flush()
