"""Statements that asyncpg runs itself, on a connection of SQLAlchemy's pool (ADR 0002)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import Connection, Dialect, Executable, Numeric, Select
from sqlalchemy.engine import Row, result_tuple
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import await_

_AnyRow = Row[*tuple[Any, ...]]
_Processor = Callable[[Any], Any]

_STATEMENTS = 512
"""So many are kept compiled. A statement that is built for each request is compiled for each."""

_DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server has said that it ends, and the connection still stands
    OSError,
)


@dataclass(frozen=True)
class _Compiled:
    sql: str
    compiler: SQLCompiler
    parameters: Sequence[tuple[str, _Processor | None]]
    """In the order of `$1`, `$2`; each with what its type makes of a value."""
    processors: Sequence[tuple[int, _Processor]]
    """What a column's type makes of its value, by the column's position."""
    row: Callable[[Sequence[Any]], _AnyRow]

    def arguments(self, values: Any) -> list[Any]:
        bound = self.compiler.construct_params(values)
        return [
            bound[name] if process is None else process(bound[name])
            for name, process in self.parameters
        ]

    def row_of(self, record: Any) -> _AnyRow:
        columns = list(record)
        for position, process in self.processors:
            columns[position] = process(columns[position])
        return self.row(columns)


def asyncpg_rows(connection: Connection, statement: Executable, values: Any) -> Sequence[_AnyRow]:
    """The rows of a statement, as `connection.execute` gives them; in a greenlet of SQLAlchemy's.

    Raises:
        DBAPIError: as `connection.execute` does.
    """
    compiled = _compiled(statement, connection.dialect)
    if compiled is None:
        return connection.execute(statement, values).all()
    arguments = compiled.arguments(values)
    # Whoever listens, such as a counter of statements, hears of these too.
    connection.dispatch.before_cursor_execute(
        connection, None, compiled.sql, arguments, None, False
    )
    driver: Any = connection.connection.driver_connection
    try:
        records = await_(driver.fetch(compiled.sql, *arguments))
    except _DRIVER_ERRORS as error:
        is_lost = driver.is_closed()
        # Not with the arguments: the text of an error gets into the log.
        raise DBAPIError(compiled.sql, None, error, connection_invalidated=is_lost) from error
    except BaseException as error:
        connection.invalidate(error)  # as SQLAlchemy does: an answer may be under way
        raise
    return [compiled.row_of(record) for record in records]


@lru_cache(maxsize=_STATEMENTS)
def _compiled(statement: Executable, dialect: Dialect) -> _Compiled | None:
    """None for what SQLAlchemy has to run: where it completes the text for each execution, or asks the cursor."""
    if not isinstance(statement, Select):
        return None
    compiler = statement.compile(dialect=dialect)
    columns = list(statement.selected_columns)
    if (
        compiler.post_compile_params
        or compiler.literal_execute_params
        or any(isinstance(column.type, Numeric) for column in columns)
    ):
        return None
    results = [
        column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns
    ]
    return _Compiled(
        sql=compiler.string,
        compiler=compiler,
        parameters=[
            (name, compiler.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in compiler.positiontup or ()
        ],
        processors=[(place, process) for place, process in enumerate(results) if process],
        row=result_tuple([column.key or "" for column in columns]),
    )
