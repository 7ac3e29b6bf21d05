"""A database as text, without its secrets."""

import json
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

from tests.e2e.stack import Query, Row

# The services name the columns of their secrets after what they are.
_SECRET_NAMES = ("password", "secret", "hash", "private", "token")
_MAX_ROWS = 5000

COLUMNS_ON_SQLITE = (
    "SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p"
    " WHERE m.type = 'table' ORDER BY m.name, p.cid"
)
COLUMNS_ON_POSTGRES = (
    "SELECT table_name, column_name FROM information_schema.columns"
    " WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
)


async def dump(query: Query, columns: Iterable[Row]) -> str:
    """All tables, one row per line; `columns` are pairs of table and column, ordered by table."""
    lines = []
    for table, pairs in groupby(columns, itemgetter(0)):
        lines += await _dump_table(query, table, [name for _, name in pairs])
    return "".join(f"{line}\n" for line in lines)


async def _dump_table(query: Query, table: str, names: list[str]) -> list[str]:
    selected = ", ".join("'***'" if is_secret(name) else f'"{name}"' for name in names)
    rows = await query(f'SELECT {selected} FROM "{table}" LIMIT {_MAX_ROWS}')  # noqa: S608
    heading = f"-- {table} ({', '.join(names)}): {len(rows)} rows"
    return [heading, *(json.dumps(row, default=str, ensure_ascii=False) for row in rows)]


def is_secret(column: str) -> bool:
    return any(word in column for word in _SECRET_NAMES)
