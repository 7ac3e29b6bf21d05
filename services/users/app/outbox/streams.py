"""What relays do to streams, inside the caller's transaction: lease, read on, and record.

A lease is a token in the stream's row and a time at which it ends. Whoever finds the time passed
may lease the stream anew; the token then tells the one before that it has lost it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from secrets import token_hex

from sqlalchemy import and_, bindparam, delete, exists, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession as ReadSession
from sqlmodel import col

from app.models import PENDING, OutboxEvent, OutboxStream
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession

EVENTS_PER_LEASE = 20
"""So that a user with many events doesn't keep others waiting, nor outlast a lease."""
ALARMING_FAILURES = 5
"""So many deliveries in a row are no hiccup: an error in the log, once, and a metric until it is over."""

_PENDING = text(PENDING)
_LEASABLE = (
    select(col(OutboxStream.user_id), col(OutboxStream.failures))
    .where(col(OutboxStream.due_at) <= bindparam("now"))
    .order_by(col(OutboxStream.due_at))
    .limit(bindparam("limit"))
    # PostgreSQL: several relays take different ones. On SQLite the write transaction is alone.
    .with_for_update(skip_locked=True)
)
_NEXT_DUE_AT = select(func.min(col(OutboxStream.due_at)))


@dataclass(frozen=True)
class Lease:
    """The right to deliver a user's events, for as long as it lasts."""

    user_id: int
    token: str
    ends_at: datetime
    failures: int
    """Deliveries in a row that have failed, when it was given."""


@dataclass
class Outcome:
    """What came of a lease: the events that are done with, and why it ended before the others."""

    lease: Lease
    delivered_ids: list[int] = field(default_factory=list)
    parked: dict[int, str] = field(default_factory=dict)
    """Reasons, by the event's id."""
    error: str | None = None
    """Why the last delivery failed. None: it didn't."""
    retry_in_seconds: float = 0.0

    @property
    def failures(self) -> int:
        """In a row, now."""
        before = 0 if self.has_progress else self.lease.failures
        return before if self.error is None else before + 1

    @property
    def has_progress(self) -> bool:
        return bool(self.delivered_ids or self.parked)


async def lease(session: WriteSession, *, limit: int, seconds: float) -> list[Lease]:
    """Lease up to `limit` streams that are due, those that have waited longest first."""
    now = utc_now()
    rows = (await session.execute(_LEASABLE, {"now": now, "limit": limit})).all()
    if not rows:
        return []
    token, ends_at = token_hex(16), now + timedelta(seconds=seconds)
    statement = update(OutboxStream).where(col(OutboxStream.user_id).in_([r.user_id for r in rows]))
    await session.execute(statement.values(lease_token=token, due_at=ends_at))
    return [Lease(row.user_id, token, ends_at, row.failures) for row in rows]


async def next_due_at(session: ReadSession) -> datetime | None:
    """When a stream may be leased next. None: no event is pending."""
    due_at: datetime | None = await session.scalar(_NEXT_DUE_AT)
    return due_at


async def pending_events(
    session: ReadSession, user_ids: Collection[int]
) -> dict[int, list[OutboxEvent]]:
    """The next events of each user, in order, up to `EVENTS_PER_LEASE`."""
    first_version = (
        select(func.min(col(OutboxEvent.version)))
        .where(col(OutboxEvent.user_id) == col(OutboxStream.user_id), _PENDING)
        .scalar_subquery()
    )
    # Materialised: the first version is looked up once per user, and then bounds an index scan.
    first = (
        select(col(OutboxStream.user_id), first_version.label("version"))
        .where(col(OutboxStream.user_id).in_(user_ids))
        .cte("first")
        .prefix_with("MATERIALIZED")
    )
    statement = (
        select(OutboxEvent)
        .join(
            first,
            and_(
                col(OutboxEvent.user_id) == first.c.user_id,
                col(OutboxEvent.version) < first.c.version + EVENTS_PER_LEASE,
            ),
        )
        .where(_PENDING)
        .order_by(col(OutboxEvent.user_id), col(OutboxEvent.version))
    )
    events = (await session.scalars(statement)).all()
    return {user_id: list(own) for user_id, own in groupby(events, lambda e: e.user_id)}


async def record(session: WriteSession, outcomes: Sequence[Outcome]) -> list[Lease]:
    """Store what came of these leases, and give the streams back.

    Nothing is stored for a lease that was lost: the events are its new holder's. Returns those.
    """
    if not outcomes:
        return []
    held = await _held_tokens(session, [outcome.lease.user_id for outcome in outcomes])
    kept = [each for each in outcomes if held.get(each.lease.user_id) == each.lease.token]
    now = utc_now()
    await _end_events(session, kept, now)
    await _give_back(session, [outcome for outcome in kept if outcome.error is None], now)
    await _postpone(session, [outcome for outcome in kept if outcome.error is not None], now)
    return [outcome.lease for outcome in outcomes if outcome not in kept]


async def _held_tokens(session: WriteSession, user_ids: Collection[int]) -> dict[int, str | None]:
    # In a fixed order, so that two relays of which one has lost its leases don't wait for each other.
    statement = (
        select(col(OutboxStream.user_id), col(OutboxStream.lease_token))
        .where(col(OutboxStream.user_id).in_(user_ids))
        .order_by(col(OutboxStream.user_id))
        .with_for_update()
    )
    return {row.user_id: row.lease_token for row in await session.execute(statement)}


async def _end_events(session: WriteSession, outcomes: Sequence[Outcome], now: datetime) -> None:
    delivered_ids = [event_id for outcome in outcomes for event_id in outcome.delivered_ids]
    if delivered_ids:
        statement = update(OutboxEvent).where(col(OutboxEvent.id).in_(delivered_ids))
        await session.execute(statement.values(delivered_at=now))
    for outcome in outcomes:
        for event_id, reason in outcome.parked.items():
            statement = update(OutboxEvent).where(col(OutboxEvent.id) == event_id)
            await session.execute(statement.values(parked_at=now, parked_reason=reason))


async def _give_back(session: WriteSession, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Remove streams that have no events any more, and let others have the rest at once.

    Their rows are locked by now: whoever adds an event has committed it, and it is seen here, or
    waits, and then adds the stream anew.
    """
    if not outcomes:
        return
    user_ids = [outcome.lease.user_id for outcome in outcomes]
    given_back = col(OutboxStream.user_id).in_(user_ids)
    has_events = exists().where(
        col(OutboxEvent.user_id) == col(OutboxStream.user_id), text(PENDING)
    )
    remove = delete(OutboxStream).where(given_back, ~has_events)
    connection = await session.connection()
    removed = await connection.execute(remove)
    if removed.rowcount == len(user_ids):
        return
    give_back = update(OutboxStream).where(given_back)
    await session.execute(give_back.values(lease_token=None, due_at=now))
    if recovered := [o.lease.user_id for o in outcomes if o.lease.failures and o.has_progress]:
        forget = update(OutboxStream).where(col(OutboxStream.user_id).in_(recovered))
        await session.execute(forget.values(failures=0, last_error=None))


async def _postpone(session: WriteSession, outcomes: Sequence[Outcome], now: datetime) -> None:
    for outcome in outcomes:
        statement = update(OutboxStream).where(col(OutboxStream.user_id) == outcome.lease.user_id)
        await session.execute(
            statement.values(
                lease_token=None,
                due_at=now + timedelta(seconds=outcome.retry_in_seconds),
                failures=outcome.failures,
                last_error=outcome.error,
            )
        )
