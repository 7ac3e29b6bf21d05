"""Every statement that reads items. Built once; each request only binds values."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, and_, bindparam, not_, select
from sqlmodel import col

from app.models import Item, Owner
from app.money import to_cents
from chassis.columns import UtcDateTime, sortable_text
from chassis.paging import AnySelect, Sort, decode_int

# A deleted owner's items are gone for readers at once, while they are still being deleted.
_VIEW: AnySelect = select(
    col(Item.id),
    col(Item.name),
    col(Item.description),
    col(Item.price_cents),
    col(Item.owner_id),
    col(Owner.name).label("owner_name"),
    col(Item.created_at),
    col(Item.updated_at),
    col(Item.version),
).join(Owner, and_(col(Owner.id) == col(Item.owner_id), not_(col(Owner.is_deleted))))

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


def items(matching: ItemFilter) -> AnySelect:
    """Items that match all given filters."""
    statement = _VIEW
    if matching.owner_id is not None:
        statement = statement.where(col(Item.owner_id) == matching.owner_id)
    if matching.search is not None:
        statement = statement.where(
            col(Item.search_text).contains(matching.search, autoescape=True)
        )
    if matching.min_price is not None:
        statement = statement.where(col(Item.price_cents) >= to_cents(matching.min_price))
    if matching.max_price is not None:
        statement = statement.where(col(Item.price_cents) <= to_cents(matching.max_price))
    return statement


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
