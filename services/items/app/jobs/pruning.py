"""Deletes old received events, and old answers to requests with an `Idempotency-Key`.

An event that is delivered again after that is stale by its version.
"""

from datetime import timedelta

from app.models import CreatedItem
from app.repositories.received_events import ReceivedEventRepository
from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.web.idempotency import delete_old_answers

BATCH_SIZE = 1000
PAUSE_SECONDS = 3600.0


async def prune_some(database: Database, *, keep: timedelta, batch_size: int = BATCH_SIZE) -> int:
    """Delete a batch of events that were received longer ago, and one of answers. Return how many."""
    before = utc_now() - keep

    async def delete_batch(session: WriteSession) -> int:
        events = await ReceivedEventRepository(session).delete_some_before(before, limit=batch_size)
        return events + await delete_old_answers(session, CreatedItem, limit=batch_size)

    return await database.transact(delete_batch)


async def prune_all(database: Database, *, keep: timedelta) -> int:
    """Delete all of them, batch after batch, and return how many."""
    total = 0
    while deleted := await prune_some(database, keep=keep):
        total += deleted
    return total
