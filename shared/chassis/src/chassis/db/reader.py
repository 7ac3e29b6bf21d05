"""Reads of a request: single statements, without SQLAlchemy's ORM (ADR 0002)."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, Executable, Row, Select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn

from chassis.db.asyncpg_rows import asyncpg_rows

AnyRow = Row[*tuple[Any, ...]]
AnySelect = Select[*tuple[Any, ...]]
Values = Mapping[str, Any]
"""Of a statement's bound parameters."""
Query = tuple[Executable, Values | None]


class Reader:
    """Runs statements that select columns. Each call has a connection for itself, and gives it back at once.

    So each sees the newest committed data, and nobody holds a connection while doing something else.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        """The engine is one on which the database refuses to write."""
        self._engine = engine.sync_engine
        self._fetch = asyncpg_rows if engine.dialect.driver == "asyncpg" else _sqlalchemy_rows

    async def rows_of_each(self, *queries: Query) -> list[Sequence[AnyRow]]:
        """The rows of several statements, which run one after the other on one connection."""
        # From checking out to giving back in a single greenlet, where AsyncConnection takes three.
        return await greenlet_spawn(self._rows_of_each, queries)

    async def rows(self, statement: Executable, values: Values | None = None) -> Sequence[AnyRow]:
        [rows] = await self.rows_of_each((statement, values))
        return rows

    async def row(self, statement: Executable, values: Values | None = None) -> AnyRow | None:
        """The only row, or None. Raises ValueError when there are more."""
        rows = await self.rows(statement, values)
        if not rows:
            return None
        [row] = rows
        return row

    async def value(self, statement: Executable, values: Values | None = None) -> Any:
        """The first column of the only row; None when there is no row."""
        row = await self.row(statement, values)
        return row[0] if row else None

    def _rows_of_each(self, queries: Iterable[Query]) -> list[Sequence[AnyRow]]:
        with self._connect() as connection:
            return [self._fetch(connection, *query) for query in queries]

    def _connect(self) -> AbstractContextManager[Connection]:
        return self._engine.connect()


def _sqlalchemy_rows(
    connection: Connection, statement: Executable, values: Values | None
) -> Sequence[AnyRow]:
    return connection.execute(statement, values).all()
