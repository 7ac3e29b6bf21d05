"""Forgets received events that are old. A delivery that comes even later is stale by its version."""

from datetime import timedelta

from sqlalchemy import delete, select, tuple_
from sqlmodel import col

from app.models import ReceivedEvent
from chassis.db.columns import utc_now
from chassis.db.database import Database

BATCH_SIZE = 1000
PAUSE_SECONDS = 3600.0

_KEY = (col(ReceivedEvent.source), col(ReceivedEvent.event_id))


async def prune_some(database: Database, *, keep: timedelta, batch_size: int = BATCH_SIZE) -> int:
    """Delete a batch of events that were received longer ago, in a transaction of its own; how many."""
    old = select(*_KEY).where(col(ReceivedEvent.received_at) < utc_now() - keep).limit(batch_size)
    async with database.transaction() as session:
        result = await session.execute(delete(ReceivedEvent).where(tuple_(*_KEY).in_(old)))
    deleted: int = result.rowcount  # type: ignore[attr-defined]
    return deleted


async def prune_all(database: Database, *, keep: timedelta) -> int:
    """Delete all of them, batch after batch; how many."""
    total = 0
    while deleted := await prune_some(database, keep=keep):
        total += deleted
    return total
