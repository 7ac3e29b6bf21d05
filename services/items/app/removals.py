"""Deletes the items of deleted owners: a batch at a time, surely, by as many replicas as there are.

What is to be done stands in `item_removals`, so a crash loses nothing.
"""

import structlog
from sqlalchemy import delete, select
from sqlmodel import col

from app.models import Item, ItemRemoval
from chassis.database import Database

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

    How many seconds may pass until the next: 0 while there is more (`chassis.background.Work`).
    """
    async with database.transaction() as session:
        owner_id = await session.scalar(_NEXT)
        if owner_id is None:
            return POLL_SECONDS
        batch = select(col(Item.id)).where(col(Item.owner_id) == owner_id).limit(batch_size)
        statement = delete(Item).where(col(Item.id).in_(batch))
        result = await session.execute(statement)
        removed: int = result.rowcount  # type: ignore[attr-defined]
        # The tombstone was committed before: no item of this owner can come any more.
        is_done = removed < batch_size
        if is_done:
            await session.execute(delete(ItemRemoval).where(col(ItemRemoval.owner_id) == owner_id))
    logger.info("items_of_deleted_owner_removed", owner_id=owner_id, items=removed, done=is_done)
    return 0
