"""Deletes old received events. An event that is delivered again after that is stale by its version."""

from datetime import timedelta

from app.repositories.received_events import ReceivedEventRepository
from chassis.db.columns import utc_now
from chassis.db.database import Database

BATCH_SIZE = 1000
PAUSE_SECONDS = 3600.0


async def prune_some(database: Database, *, keep: timedelta, batch_size: int = BATCH_SIZE) -> int:
    """Delete a batch of events that were received longer ago, and return how many."""
    async with database.transaction() as session:
        events = ReceivedEventRepository(session)
        return await events.delete_some_before(utc_now() - keep, limit=batch_size)


async def prune_all(database: Database, *, keep: timedelta) -> int:
    """Delete all of them, batch after batch, and return how many."""
    total = 0
    while deleted := await prune_some(database, keep=keep):
        total += deleted
    return total
