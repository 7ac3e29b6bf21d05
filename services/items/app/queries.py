"""Every statement that reads items. Built once; each request only binds values."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, case, exists, select
from sqlmodel import col

from app.models import Item, ItemRemoval, Owner
from app.money import to_cents
from chassis.db.columns import LIKE_ESCAPE, UtcDateTime, escaped_like, sortable_text
from chassis.db.reader import AnySelect
from chassis.web.paging import Sort, bounded_count, decode_int

# A deleted owner's items are gone for readers at once, while they are still being deleted: the order
# to do so is committed with the tombstone, and stands as long as there is one. The few orders are read
# once per statement, where the tombstone would be looked up for each item.
_ORDERS = select(col(ItemRemoval.owner_id))
_IS_SHOWN = col(Item.owner_id).not_in(_ORDERS)

_VIEW: AnySelect = (
    select(
        col(Item.id),
        col(Item.name),
        col(Item.description),
        col(Item.price_cents),
        col(Item.owner_id),
        col(Owner.name).label("owner_name"),
        col(Item.created_at),
        col(Item.updated_at),
        col(Item.version),
    )
    # Every item has an owner. An outer join keeps the database from starting with the owners.
    .outerjoin(Owner, col(Owner.id) == col(Item.owner_id))
    .where(_IS_SHOWN)
)

VIEW_BY_ID = _VIEW.where(col(Item.id) == bindparam("item_id"))
FOR_UPDATE_BY_ID = select(Item).where(col(Item.id) == bindparam("item_id")).with_for_update()
OWNER_BY_ID = select(Owner).where(col(Owner.id) == bindparam("owner_id"))


@dataclass(frozen=True, kw_only=True)
class ItemFilter:
    owner_id: int | None = None
    search: str | None = None
    """In the form that `app.search` gives it."""
    min_price: Decimal | None = None
    max_price: Decimal | None = None

    def values(self) -> dict[str, Any]:
        """What each given filter compares with."""
        found = {
            "owner_id": self.owner_id,
            "search": None if self.search is None else escaped_like(self.search),
            "min_cents": None if self.min_price is None else to_cents(self.min_price),
            "max_cents": None if self.max_price is None else to_cents(self.max_price),
        }
        return {name: value for name, value in found.items() if value is not None}


_FILTERS = {
    "owner_id": col(Item.owner_id) == bindparam("owner_id"),
    "search": col(Item.search_text).contains(bindparam("search"), escape=LIKE_ESCAPE),
    "min_cents": col(Item.price_cents) >= bindparam("min_cents"),
    "max_cents": col(Item.price_cents) <= bindparam("max_cents"),
}


@cache
def items(filters: frozenset[str]) -> AnySelect:
    """Items that match all these filters, whose values are to be bound."""
    return _VIEW.where(*_conditions(filters))


@cache
def total(filters: frozenset[str]) -> AnySelect:
    """How many `items` has, as `bounded_count` counts them.

    Mostly no order stands. Then nobody's items are hidden and no item's owner is asked for, so that the
    database counts in the smallest index that has what is filtered by.
    """
    matching = select(col(Item.id)).where(*_conditions(filters))
    of_all = bounded_count(matching)
    of_shown = bounded_count(matching.where(_IS_SHOWN))
    return select(
        case((exists(_ORDERS), of_shown.scalar_subquery()), else_=of_all.scalar_subquery())
    )


def _conditions(filters: frozenset[str]) -> list[ColumnElement[bool]]:
    return [_FILTERS[name] for name in sorted(filters)]


def _decode_time(value: Any) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError("a time without a zone")
    return time.astimezone(UTC)  # raises OverflowError at the ends of the calendar


def _decode_text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("not a text that a column holds")
    value.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
    return value


def _both_ways(name: str, sort: dict[str, Any]) -> dict[str, Sort]:
    return {name: Sort(**sort, descending=False), f"-{name}": Sort(**sort, descending=True)}


SORTS = {
    **_both_ways(
        "created_at",
        {
            "column": col(Item.created_at),
            "type": UtcDateTime(),
            "key": "created_at",
            "encode": datetime.isoformat,
            "decode": _decode_time,
        },
    ),
    **_both_ways(
        "price",
        {
            "column": col(Item.price_cents),
            "type": BigInteger(),
            "key": "price_cents",
            "encode": int,
            "decode": decode_int,
        },
    ),
    **_both_ways(
        "name",
        {
            "column": col(Item.name),
            "type": sortable_text(120),
            "key": "name",
            "encode": str,
            "decode": _decode_text,
        },
    ),
}
