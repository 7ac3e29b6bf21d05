"""Queries of item removals: the deleted owners whose items are still to be deleted."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, exists, func
from sqlalchemy import select as select_columns
from sqlmodel import col, select

from app.models import Item, ItemRemoval
from chassis.db.database import insert_if_absent
from chassis.db.sessions import ReadSession, WriteSession

_BACKLOG = select_columns(func.count(), func.min(col(ItemRemoval.requested_at))).select_from(
    ItemRemoval
)
# Another replica may be working on the first one: skip the rows that it has locked.
_NEXT_OWNER_ID = (
    select(ItemRemoval.owner_id)
    .order_by(col(ItemRemoval.requested_at), col(ItemRemoval.owner_id))
    .limit(1)
    .with_for_update(skip_locked=True)
)


class RemovalBacklog(NamedTuple):
    waiting: int
    oldest: datetime | None


class ItemRemovalQueries:
    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def backlog(self) -> RemovalBacklog:
        [row] = await self._session.all(_BACKLOG)
        return RemovalBacklog(*row)


class ItemRemovalRepository:
    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def add(self, owner_id: int) -> None:
        removal = ItemRemoval(owner_id=owner_id)
        await insert_if_absent(self._session, ItemRemoval, removal.model_dump())

    async def next_owner_id(self) -> int | None:
        """The owner who has waited longest, locked until the transaction ends."""
        return (await self._session.exec(_NEXT_OWNER_ID)).one_or_none()

    async def delete_if_done(self, owner_id: int) -> bool:
        """Delete the removal if the owner has no items left, and return whether it was deleted."""
        has_items = exists().where(col(Item.owner_id) == owner_id)
        statement = delete(ItemRemoval).where(col(ItemRemoval.owner_id) == owner_id, ~has_items)
        return (await self._session.exec(statement)).rowcount > 0
