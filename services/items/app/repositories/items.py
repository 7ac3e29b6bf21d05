"""Queries of items. `ItemQueries` reads, `ItemRepository` works in a transaction."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import NamedTuple, Self, TypeVar

from sqlalchemy import ColumnElement, Select, bindparam, case, delete, exists, insert, not_
from sqlalchemy import select as select_columns
from sqlmodel import col, select

from app.etags import item_etag, representation_version
from app.models import CreatedItem, Item, ItemRemoval, Owner, metadata
from app.money import price_text, to_cents
from app.schemas import ItemCreate, ItemView
from chassis.db.columns import LIKE_ESCAPE, escaped_like, fold, utc_now
from chassis.db.paging import Sort, bounded_count, decode_int, fetch_page
from chassis.db.sessions import ReadSession, WriteSession
from chassis.web.paging import Page, PageQuery

_REPRESENTATION = representation_version(ItemView)

Value = TypeVar("Value")


class OwnerName(NamedTuple):
    """The part of an owner that an item shows."""

    id: int
    name: str


class ItemWithOwner(NamedTuple):
    """An item with the name of its owner: what `ItemView` is built from."""

    id: int
    name: str
    description: str | None
    price_cents: int
    owner_id: int
    owner_name: str
    created_at: datetime
    updated_at: datetime
    version: int

    @classmethod
    def of(cls, item: Item, owner: Owner) -> Self:
        return cls(
            id=item.id,
            name=item.name,
            description=item.description,
            price_cents=item.price_cents,
            owner_id=owner.id,
            owner_name=owner.name,
            created_at=item.created_at,
            updated_at=item.updated_at,
            version=item.version,
        )

    @property
    def price(self) -> str:
        return price_text(self.price_cents)

    @property
    def owner(self) -> OwnerName:
        return OwnerName(id=self.owner_id, name=self.owner_name)

    @property
    def etag(self) -> str:
        return item_etag(self.version, self.owner_name, _REPRESENTATION)


@dataclass(frozen=True, kw_only=True)
class ItemFilter:
    """What a list is restricted to; None is no restriction."""

    owner_id: int | None = None
    text: str | None = None
    """A part of the name or the description."""
    min_price: Decimal | None = None
    max_price: Decimal | None = None

    def values(self) -> dict[str, int | str]:
        """The values to bind, by the names of `_FILTERS`."""
        values = {
            "owner_id": self.owner_id,
            "text": escaped_like(searchable(self.text)) if self.text else None,
            "min_cents": None if self.min_price is None else to_cents(self.min_price),
            "max_cents": None if self.max_price is None else to_cents(self.max_price),
        }
        return {name: value for name, value in values.items() if value is not None}


# The items of a deleted owner are hidden at once, while a background job deletes them: the tombstone and
# the row in `item_removals` are committed together. There are few rows, so a statement reads them once;
# looking up the tombstone would take a read per item.
_REMOVALS = select(ItemRemoval.owner_id)
_IS_SHOWN = col(Item.owner_id).not_in(_REMOVALS)

_ITEMS: Select[int, str, str | None, int, int, str, datetime, datetime, int] = (
    select_columns(
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
    # Every item has an owner. With an outer join the database doesn't start with the owners.
    .outerjoin(Owner, col(Owner.id) == col(Item.owner_id))
    .where(_IS_SHOWN)
)
_ITEM = _ITEMS.where(col(Item.id) == bindparam("item_id"))
_LOCKED_ITEM = (
    select(Item)
    .where(col(Item.id) == bindparam("item_id"))
    .with_for_update()
    .execution_options(populate_existing=True)
)
# Nobody can deactivate or delete the owner until the transaction ends.
_ACTIVE_OWNER = (
    select_columns(col(Owner.id), col(Owner.name))
    .where(col(Owner.id) == bindparam("owner_id"))
    .where(col(Owner.is_active), not_(col(Owner.is_deleted)))
    .with_for_update(read=True)
    .cte("owner")
)
_TABLE = metadata.tables["items"]
_NEW = [each for each in _TABLE.columns if each.name not in {"id", "owner_id"}]
_INSERT = (
    insert(_TABLE)
    .from_select(
        ["owner_id", *(each.name for each in _NEW)],
        select_columns(
            _ACTIVE_OWNER.c.id, *(bindparam(each.name, type_=each.type) for each in _NEW)
        ),
    )
    .returning(
        *(
            each
            if each.name != "owner_name"
            else select_columns(_ACTIVE_OWNER.c.name).scalar_subquery()
            for each in _ITEMS.selected_columns
        )
    )
)
_FILTERS = {
    "owner_id": col(Item.owner_id) == bindparam("owner_id"),
    "text": col(Item.search_text).contains(bindparam("text"), escape=LIKE_ESCAPE),
    "min_cents": col(Item.price_cents) >= bindparam("min_cents"),
    "max_cents": col(Item.price_cents) <= bindparam("max_cents"),
}


@cache
def _total(filters: frozenset[str]) -> Select[int]:
    """The number of matching items, counted like `bounded_count`.

    Usually no removal is waiting. Then no item is hidden, and the database can count in the smallest index
    with the filtered columns, without looking at the owners.
    """
    matching = select_columns(col(Item.id)).where(*_conditions(filters))
    of_all = bounded_count(matching)
    of_shown = bounded_count(matching.where(_IS_SHOWN))
    return select_columns(
        case((exists(_REMOVALS), of_shown.scalar_subquery()), else_=of_all.scalar_subquery())
    )


def _conditions(filters: frozenset[str]) -> tuple[ColumnElement[bool], ...]:
    return tuple(_FILTERS[name] for name in sorted(filters))


def _decode_time(value: object) -> datetime:
    time = datetime.fromisoformat(value if isinstance(value, str) else "")
    if time.tzinfo is None:
        raise ValueError("a time without a time zone")
    return time.astimezone(UTC)  # raises OverflowError at the ends of the calendar


def _decode_text(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("not a text that a column can store")
    value.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
    return value


def _both_directions(
    name: str, key: str, encode: Callable[[Value], object], decode: Callable[[object], Value]
) -> dict[str, Sort]:
    column = metadata.tables["items"].columns[key]
    ascending = Sort(column, column.type, key, descending=False, encode=encode, decode=decode)
    return {name: ascending, f"-{name}": replace(ascending, descending=True)}


SORTS = {
    **_both_directions("created_at", "created_at", datetime.isoformat, _decode_time),
    **_both_directions("price", "price_cents", int, decode_int),
    **_both_directions("name", "name", str, _decode_text),
}


class ItemQueries:
    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def page(
        self, item_filter: ItemFilter, sort_name: str, query: PageQuery
    ) -> Page[ItemWithOwner]:
        """A page of the matching items.

        Raises:
            InvalidRequest: the cursor isn't one of this list in this order.
        """
        values = item_filter.values()
        filters = frozenset(values)
        return await fetch_page(
            self._session,
            _ITEMS,
            values,
            item=ItemWithOwner,
            filters=_conditions(filters),
            total=_total(filters),
            id_column=col(Item.id),
            sorts=SORTS,
            sort_name=sort_name,
            query=query,
        )

    async def get(self, item_id: int) -> ItemWithOwner | None:
        row = await self._session.one_or_none(_ITEM, {"item_id": item_id})
        return ItemWithOwner(*row) if row else None


class ItemRepository:
    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def get_locked(self, item_id: int) -> Item | None:
        """The item, locked until the transaction ends."""
        return (await self._session.exec(_LOCKED_ITEM, params={"item_id": item_id})).one_or_none()

    async def add(self, owner_id: int, new: ItemCreate) -> ItemWithOwner | None:
        """Store a new item, or return None when its owner isn't known or isn't active."""
        now = utc_now()
        values = {
            **new.model_dump(exclude={"price"}),
            "owner_id": owner_id,
            "price_cents": to_cents(new.price),
            "search_text": search_text(new.name, new.description),
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }
        row = (await self._session.exec(_INSERT, params=values)).one_or_none()
        return ItemWithOwner(*row) if row else None

    async def save(self, item: Item) -> None:
        """Store a changed item, with the column that is derived from others."""
        item.search_text = search_text(item.name, item.description)
        self._session.add(item)
        await self._session.flush()

    async def delete(self, item: Item) -> None:
        await self._session.delete(item)

    async def delete_answers_of(self, owner_id: int) -> None:
        """Delete the stored answers to an owner's requests, which contain the owner's name."""
        await self._session.exec(delete(CreatedItem).where(col(CreatedItem.owner_id) == owner_id))

    async def delete_some_of(self, owner_id: int, *, limit: int) -> int:
        """Delete some items of an owner and return how many."""
        batch = select(Item.id).where(col(Item.owner_id) == owner_id).limit(limit)
        result = await self._session.exec(delete(Item).where(col(Item.id).in_(batch)))
        return result.rowcount


def searchable(text: str) -> str:
    """The form in which searches compare text: folded, and on one line.

    So a search can't match across the end of a name.
    """
    return fold(text).replace("\n", " ")


def search_text(name: str, description: str | None) -> str:
    """The text that a search looks at: it finds an item by a part of its name or description."""
    return "\n".join(searchable(text) for text in (name, description or ""))
