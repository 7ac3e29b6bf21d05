"""Pages of a list that stay fast however long the list grows (ADR 0005): bounded totals, and cursors."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, TypeVarTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    SQLColumnExpression,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.types import TypeEngine

from chassis.db.sessions import ReadSession, Values
from chassis.web.errors import InvalidRequest
from chassis.web.fields import MAX_ID
from chassis.web.paging import MAX_COUNTED, Page, PageQuery

_STATEMENTS = 256
"""This many built statements are cached."""
_AnySelect = Select[*tuple[Any, ...]]

Columns = TypeVarTuple("Columns")
ItemT = TypeVar("ItemT")


@dataclass(frozen=True, eq=False)  # a column's `==` is SQL
class Sort:
    """A sort order. `decode` parses a cursor's JSON value, and raises ValueError or TypeError."""

    column: SQLColumnExpression[Any]
    type: TypeEngine[Any]
    key: str
    """The name of the column in a row of the list."""
    descending: bool
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def decode_int(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_ID:
        raise ValueError("not an integer that a database column can store")
    return value


async def fetch_page(
    session: ReadSession,
    rows: Select[*Columns],
    values: Values | None = None,
    *,
    item: Callable[[*Columns], ItemT],
    filters: tuple[ColumnElement[bool], ...] = (),
    total: Select[int] | None = None,
    id_column: SQLColumnExpression[Any],
    sorts: Mapping[str, Sort],
    sort_name: str,
    query: PageQuery,
) -> Page[ItemT]:
    """One page of the rows of an unsorted statement that match the filters. A row has an `id`.

    `values` are bound to its parameters, and `item` makes an item of a row's columns. `total` is a faster
    statement than `bounded_count` with the same result. A statement and filters that are built once and only
    bind values have their pages built once, too.

    Raises:
        InvalidRequest: the cursor isn't one of this list in this order.
    """
    sort = sorts[sort_name]
    number, start = query.page, None
    if query.after is not None:
        number, start = _decode_cursor(query.after, sort_name, sort)
    window: dict[str, Any] = {"page_limit": query.size + 1, "page_offset": 0}
    if start is None:
        window["page_offset"] = (number - 1) * query.size
    else:
        window["after_value"], window["after_id"] = start
    counting = total if total is not None else bounded_count(_filtered(rows, filters))

    def read(connection: Connection) -> tuple[int, Sequence[Row[*Columns]]]:
        count = connection.execute(counting, values).scalar_one()
        is_sqlite = connection.dialect.name == "sqlite"
        matching = _filtered(rows, filters, _likelihood(count, filters) if is_sqlite else None)
        statement: Select[*Columns] = _page(matching, sort, id_column, after=start is not None)
        return count, connection.execute(statement, {**(values or {}), **window}).all()

    count, found = await session.run(read)
    shown = found[: query.size]
    cursor = None
    if len(found) > query.size:
        last: Any = shown[-1]
        place = (sort.encode(getattr(last, sort.key)), last.id)
        cursor = _encode_cursor(sort_name, number + 1, *place)
    counted = min(count, MAX_COUNTED)
    return Page(
        items=[item(*row) for row in shown],
        total=counted,
        total_is_exact=count <= MAX_COUNTED,
        page=number,
        size=query.size,
        pages=-(-counted // query.size),
        next=cursor,
    )


@lru_cache(maxsize=_STATEMENTS)
def bounded_count(rows: _AnySelect) -> Select[int]:
    """How many rows the statement has, where every number beyond `MAX_COUNTED` is `MAX_COUNTED + 1`."""
    # Without `maintain_column_froms` a statement that has no filter would lose its table. In the
    # statement's text, the numbers cost the database less than as parameters.
    one: ColumnElement[int] = literal_column("1")
    limit: ColumnElement[int] = literal_column(str(MAX_COUNTED + 1))
    ones = rows.with_only_columns(one, maintain_column_froms=True).order_by(None)
    bounded = ones.limit(limit).subquery()
    return select(func.count()).select_from(bounded)


@lru_cache(maxsize=_STATEMENTS)
def _filtered(
    rows: _AnySelect, filters: tuple[ColumnElement[bool], ...], likelihood: float | None = None
) -> _AnySelect:
    if likelihood is not None:
        share: ColumnElement[float] = literal_column(str(likelihood))  # can't be a parameter
        filters = tuple(func.likelihood(each, share) for each in filters)
    return rows.where(*filters)


def _likelihood(count: int, filters: tuple[ColumnElement[bool], ...]) -> float | None:
    """How likely a row matches each filter, for SQLite, which can't tell a filter of many rows from one of few.

    If many rows match, it then reads the index of the order until the page is full; else it sorts those that match.
    """
    if count > MAX_COUNTED:
        return 0.9
    return 0.001 if len(filters) == 1 else None  # of several, one may match many


@lru_cache(maxsize=_STATEMENTS)
def _page(
    rows: _AnySelect, sort: Sort, id_column: SQLColumnExpression[Any], *, after: bool
) -> _AnySelect:
    columns = (sort.column, id_column)
    if after:
        place = tuple_(
            bindparam("after_value", None, sort.type), bindparam("after_id", None, BigInteger())
        )
        here = tuple_(*columns)
        rows = rows.where(here < place if sort.descending else here > place)
    ordered = rows.order_by(*(c.desc() if sort.descending else c.asc() for c in columns))
    return ordered.limit(bindparam("page_limit")).offset(bindparam("page_offset"))


def _encode_cursor(sort_name: str, page: int, value: Any, row_id: int) -> str:
    # With escapes, a name of 120 letters that aren't Latin would be six times as long.
    place = [sort_name, page, value, row_id]
    raw = json.dumps(place, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode_cursor(cursor: str, sort_name: str, sort: Sort) -> tuple[int, tuple[Any, int]]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        name, page, value, row_id = json.loads(raw)
        if name != sort_name:
            raise InvalidRequest(("query", "after"), "The cursor belongs to another sort order")
        place = (sort.decode(value), decode_int(row_id))
        number = max(1, decode_int(page))
    except (binascii.Error, ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidRequest(("query", "after"), "Not a cursor of this list") from None
    return number, place
