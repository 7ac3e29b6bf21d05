"""What an operator can see of the outbox, and do about events that were refused."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession as ReadSession
from sqlmodel import col

from app.models import PENDING, OutboxEvent, OutboxStream
from app.outbox.writing import queue
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession


class NotParked(LookupError):
    """None of the parked events has one of the given numbers; nothing was changed."""


@dataclass(frozen=True)
class Overview:
    pending: int
    oldest: datetime | None
    parked: int
    failing: int


async def overview(session: ReadSession) -> Overview:
    pending = select(func.count(), func.min(col(OutboxEvent.occurred_at))).where(text(PENDING))
    count, oldest = (await session.execute(pending)).one()
    parked = select(func.count()).where(col(OutboxEvent.parked_at).is_not(None))
    failing = select(func.count()).where(col(OutboxStream.failures) > 0)
    return Overview(
        count, oldest, await session.scalar(parked) or 0, await session.scalar(failing) or 0
    )


async def parked_events(session: ReadSession, limit: int) -> Sequence[OutboxEvent]:
    """Those that were parked first."""
    statement = select(OutboxEvent).where(col(OutboxEvent.parked_at).is_not(None))
    order = (col(OutboxEvent.parked_at), col(OutboxEvent.id))
    return (await session.scalars(statement.order_by(*order).limit(limit))).all()


async def failing_streams(session: ReadSession, limit: int) -> Sequence[OutboxStream]:
    """Users whose next event couldn't be delivered so far; those with most failures first."""
    statement = select(OutboxStream).where(col(OutboxStream.failures) > 0)
    order = (col(OutboxStream.failures).desc(), col(OutboxStream.user_id))
    return (await session.scalars(statement.order_by(*order).limit(limit))).all()


async def retry(session: WriteSession, ids: Collection[int] | None) -> int:
    """Let parked events be delivered after all: these, or all of them. Returns how many.

    Raises:
        NotParked: one of the ids is none of a parked event.
    """
    unpark = update(OutboxEvent).where(col(OutboxEvent.parked_at).is_not(None))
    if ids is not None:
        unpark = unpark.where(col(OutboxEvent.id).in_(ids))
    unpark = unpark.values(parked_at=None, parked_reason=None)
    unparked = (await session.scalars(unpark.returning(col(OutboxEvent.user_id)))).all()
    _require_all(ids, len(unparked))
    for user_id in sorted(set(unparked)):
        await queue(session, user_id)
    return len(unparked)


async def retry_failing(session: WriteSession) -> int:
    """End the pauses of streams whose deliveries failed. Returns how many."""
    hurry = update(OutboxStream).where(
        col(OutboxStream.failures) > 0, col(OutboxStream.lease_token).is_(None)
    )
    result = await session.execute(
        hurry.values(due_at=utc_now()).returning(col(OutboxStream.user_id))
    )
    user_ids = result.scalars().all()
    for user_id in user_ids[:1]:
        await queue(session, user_id)  # which wakes the relays
    return len(user_ids)


async def discard(session: WriteSession, ids: Collection[int] | None) -> int:
    """Delete parked events: these, or all of them. Returns how many.

    Raises:
        NotParked: as above.
    """
    statement = delete(OutboxEvent).where(col(OutboxEvent.parked_at).is_not(None))
    if ids is not None:
        statement = statement.where(col(OutboxEvent.id).in_(ids))
    deleted = (await session.scalars(statement.returning(col(OutboxEvent.id)))).all()
    _require_all(ids, len(deleted))
    return len(deleted)


def _require_all(ids: Collection[int] | None, found: int) -> None:
    if ids is not None and found != len(set(ids)):
        raise NotParked
