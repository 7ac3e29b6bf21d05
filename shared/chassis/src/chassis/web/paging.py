"""Lists that stay cheap however long they grow (ADR 0005): bounded totals, and cursors."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    SQLColumnExpression,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.types import TypeEngine

from chassis.db.reader import AnyRow, AnySelect, Reader, Values
from chassis.web.errors import InvalidRequest
from chassis.web.fields import MAX_ID, EntityId, plain_digits, storable

MAX_COUNTED = 5_000
"""Rows beyond this aren't counted, nor reached by page number."""
_STATEMENTS = 256
"""So many statements of lists are kept built."""
_PageSize = Annotated[int, Field(ge=1, le=100), plain_digits]
_Cursor = Annotated[str, StringConstraints(max_length=2000), storable]

ItemT = TypeVar("ItemT")


class Page(BaseModel, Generic[ItemT]):
    items: list[ItemT]
    total: int = Field(description=f"Matching entries, counted up to {MAX_COUNTED}.")
    total_is_exact: bool = Field(description="False when there are more than `total`.")
    page: int
    size: int
    pages: int = Field(description="Pages of this size that `total` entries make.")
    next: str | None = Field(
        description="Send it as `after` to get the next page; null at the end."
    )


class PageQuery(BaseModel):
    """Which page is asked for: by number, or by the cursor that the page before it gave."""

    page: int
    size: int
    after: str | None


async def page_query(
    page: Annotated[EntityId | None, Query(description="1 is the first.")] = None,
    size: Annotated[_PageSize, Query(description="Entries on a page.")] = 20,
    after: Annotated[
        _Cursor | None,
        Query(description="The `next` of the page before."),
    ] = None,
) -> PageQuery:
    """Dependency.

    Raises:
        InvalidRequest: for a page too deep to count to, or for both a number and a cursor.
    """
    if after is not None and page is not None:
        raise InvalidRequest(("query", "after"), "Send either page or after, not both")
    number = page or 1
    if number * size > MAX_COUNTED:
        raise InvalidRequest(
            ("query", "page"),
            f"Pages reach up to entry {MAX_COUNTED}; go on with after=<next of the page before>",
        )
    return PageQuery(page=number, size=size, after=after)


@dataclass(frozen=True, eq=False)  # a column's `==` is SQL
class Sort:
    """An order of a list. `decode` turns a cursor's JSON value back, raising ValueError or TypeError."""

    column: SQLColumnExpression[Any]
    type: TypeEngine[Any]
    key: str
    """The name of the column in a row of the list."""
    descending: bool
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def decode_int(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_ID:
        raise ValueError("not an integer that a database column holds")
    return value


async def fetch_page(
    reader: Reader,
    rows: AnySelect,
    values: Values | None = None,
    *,
    total: AnySelect | None = None,
    id_column: SQLColumnExpression[Any],
    sorts: Mapping[str, Sort],
    sort_name: str,
    query: PageQuery,
) -> tuple[Sequence[AnyRow], dict[str, Any]]:
    """Run a filtered but unordered `rows` statement, whose rows have an `id`, for one page.

    `values` are those of its bound parameters. `total` is for a list that knows a cheaper statement than
    `bounded_count(rows)`, with the same result. A list whose statements are built once, and only bind
    values, finds its pages' statements built as well.

    Returns the rows, and the other fields of `Page`.

    Raises:
        InvalidRequest: when the cursor isn't one of this list in this order.
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
    statement = _page(rows, sort, id_column, after=start is not None)
    if total is None:
        total = bounded_count(rows)
    [(count,)], found = await reader.rows_of_each(
        (total, values), (statement, {**(values or {}), **window})
    )
    shown = found[: query.size]
    cursor = None
    if len(found) > query.size:
        cursor = _encode_cursor(
            sort_name, number + 1, sort.encode(getattr(shown[-1], sort.key)), shown[-1].id
        )
    counted = min(count, MAX_COUNTED)
    return shown, {
        "total": counted,
        "total_is_exact": count <= MAX_COUNTED,
        "page": number,
        "size": query.size,
        "pages": -(-counted // query.size),
        "next": cursor,
    }


@lru_cache(maxsize=_STATEMENTS)
def bounded_count(rows: AnySelect) -> AnySelect:
    """How many rows the statement has, where anything beyond `MAX_COUNTED` is `MAX_COUNTED + 1`."""
    # Without `maintain_column_froms` a statement that has no filter would lose its table. In the
    # statement's text, the numbers cost the database less than as parameters.
    one: ColumnElement[int] = literal_column("1")
    limit: ColumnElement[int] = literal_column(str(MAX_COUNTED + 1))
    ones = rows.with_only_columns(one, maintain_column_froms=True).order_by(None)
    bounded = ones.limit(limit).subquery()
    return select(func.count()).select_from(bounded)


@lru_cache(maxsize=_STATEMENTS)
def _page(
    rows: AnySelect, sort: Sort, id_column: SQLColumnExpression[Any], *, after: bool
) -> AnySelect:
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
