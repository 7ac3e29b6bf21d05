"""Deleting events that were delivered long enough ago."""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlmodel import col

from app.models import OutboxEvent
from chassis.db.columns import utc_now
from chassis.db.database import Database

BATCH = 1000
"""Each in a transaction of its own, so that nobody waits long for a lock."""


async def prune_delivered(database: Database, *, older_than: timedelta) -> int:
    """Delete events that were delivered that long ago. Returns how many.

    Pending and parked ones stay, however old.
    """
    before = utc_now() - older_than
    oldest = (
        select(col(OutboxEvent.id))
        .where(col(OutboxEvent.delivered_at) < before)
        .order_by(col(OutboxEvent.delivered_at))
        .limit(BATCH)
        .scalar_subquery()
    )
    statement = delete(OutboxEvent).where(col(OutboxEvent.id).in_(oldest))
    deleted = 0
    while True:
        async with database.transaction() as session:
            result = await session.execute(statement.returning(col(OutboxEvent.id)))
            count = len(result.all())
        deleted += count
        if count < BATCH:
            return deleted
