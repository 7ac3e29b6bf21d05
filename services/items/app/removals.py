"""Deletes the items of deleted owners: a batch at a time, surely, by as many replicas as there are.

What is to be done stands in `item_removals`, so a crash loses nothing.
"""

import structlog
from sqlalchemy import delete, exists, select
from sqlmodel import col

from app.models import Item, ItemRemoval
from chassis.db.database import Database, WriteSession

logger = structlog.get_logger(__name__)

BATCH_SIZE = 500
POLL_SECONDS = 30.0
"""When to look again unasked: another replica, or a command, may have left something to do."""

# Another replica may be at work on the first: skip what it holds.
_NEXT = (
    select(col(ItemRemoval.owner_id))
    .order_by(col(ItemRemoval.requested_at), col(ItemRemoval.owner_id))
    .limit(1)
    .with_for_update(skip_locked=True)
)


async def remove_some(database: Database, *, batch_size: int = BATCH_SIZE) -> float:
    """Delete one batch of one owner's items, in a short transaction of its own.

    How many seconds may pass until the next: 0 while there is more (`chassis.ops.background.Work`).
    """
    async with database.transaction() as session:
        owner_id = await session.scalar(_NEXT)
        if owner_id is None:
            return POLL_SECONDS
        batch = select(col(Item.id)).where(col(Item.owner_id) == owner_id).limit(batch_size)
        statement = delete(Item).where(col(Item.id).in_(batch))
        result = await session.execute(statement)
        removed: int = result.rowcount  # type: ignore[attr-defined]
        is_done = removed < batch_size and await _is_done(session, owner_id)
    logger.info("items_of_deleted_owner_removed", owner_id=owner_id, items=removed, done=is_done)
    return 0


async def _is_done(session: WriteSession, owner_id: int) -> bool:
    """Take the order off the list, unless there are items left.

    A small batch isn't the last one if an item in it was taken down by somebody else meanwhile. The
    tombstone was committed before the order: no item of this owner can come any more.
    """
    has_items = exists().where(col(Item.owner_id) == owner_id)
    order = delete(ItemRemoval).where(col(ItemRemoval.owner_id) == owner_id, ~has_items)
    result = await session.execute(order)
    taken: int = result.rowcount  # type: ignore[attr-defined]
    return bool(taken)
