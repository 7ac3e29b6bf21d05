"""Deletes the items of deleted owners in batches. Any number of replicas may run it at once.

The work is stored in `item_removals`, so a crash loses nothing.
"""

import structlog

from app.repositories.item_removals import ItemRemovalRepository
from app.repositories.items import ItemRepository
from chassis.db.database import Database
from chassis.db.sessions import WriteSession

logger = structlog.get_logger(__name__)

BATCH_SIZE = 500
POLL_SECONDS = 30.0
"""How often to look for work of other replicas and commands, which can't wake this process."""


async def remove_some(database: Database, *, batch_size: int = BATCH_SIZE) -> float:
    """Delete one batch of one owner's items, in a transaction of its own.

    Returns the seconds until the next run, 0 while there is more work (`chassis.ops.background.Work`).
    """

    async def remove_batch(session: WriteSession) -> tuple[int, int, bool] | None:
        removals = ItemRemovalRepository(session)
        owner_id = await removals.next_owner_id()
        if owner_id is None:
            return None
        removed = await ItemRepository(session).delete_some_of(owner_id, limit=batch_size)
        # A batch that isn't full may still not be the last one: another request may have deleted
        # an item in it meanwhile. No item can be added, because the tombstone is committed already.
        is_done = removed < batch_size and await removals.delete_if_done(owner_id)
        return owner_id, removed, is_done

    batch = await database.transact(remove_batch)
    if batch is None:
        return POLL_SECONDS
    owner_id, removed, is_done = batch
    logger.info("items_of_deleted_owner_removed", owner_id=owner_id, items=removed, done=is_done)
    return 0
