"""Deletes events that every subscriber has received."""

from datetime import timedelta

from sqlalchemy import bindparam, delete, exists, select
from sqlmodel import col

from chassis.db.columns import UtcDateTime, utc_now
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.events.outbox.models import OutboxEvent, OutboxSubscriber, ParkedEvent
from chassis.events.outbox.streams import IS_PENDING

BATCH = 1000
"""Deleted in one transaction, so that no other transaction waits long for a lock."""

_FINISHED = (
    select(col(OutboxEvent.id))
    .where(
        col(OutboxEvent.occurred_at) < bindparam("before", type_=UtcDateTime),
        # Without any subscriber, all events wait for the first one.
        exists(select(col(OutboxSubscriber.name))),
        ~exists().where(IS_PENDING),
        ~exists().where(col(ParkedEvent.event_number) == col(OutboxEvent.id)),
    )
    .order_by(col(OutboxEvent.occurred_at))
    .limit(bindparam("batch"))
)
_DELETE = delete(OutboxEvent).where(col(OutboxEvent.id).in_(_FINISHED.scalar_subquery()))


async def prune_delivered(database: Database, *, older_than: timedelta) -> int:
    """Delete events that are older and that every subscriber has received. Returns how many.

    Pending and parked events are never deleted.
    """
    values = {"before": utc_now() - older_than, "batch": BATCH}

    async def delete_batch(session: WriteSession) -> int:
        return (await (await session.connection()).execute(_DELETE, values)).rowcount

    deleted = 0
    while True:
        count = await database.transact(delete_batch)
        deleted += count
        if count < BATCH:
            return deleted
