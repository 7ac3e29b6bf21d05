"""Leases of the streams of one subscriber, given and ended in the caller's transaction.

A lease is a token in the stream's row, and a time at which it ends. After that time any relay may
lease the stream again; the new token tells the previous relay that it has lost its lease. The times
in the rows are of the database's clock.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from secrets import token_hex

from sqlalchemy import (
    ColumnElement,
    Float,
    Integer,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    null,
    select,
    update,
)
from sqlmodel import col
from sqlmodel import select as select_entities

from chassis.db.columns import from_now, seconds_until, utc_now
from chassis.db.sessions import ReadSession, WriteSession
from chassis.events.outbox.models import OutboxEvent, OutboxStream, ParkedEvent

EVENTS_PER_LEASE = 20
"""A limit, so that a stream with many events neither delays others nor outlasts its lease."""
ALARMING_FAILURES = 5
"""This many failed deliveries in a row are an error in the log, once, and a metric until one succeeds."""

_OWN = col(OutboxStream.subscriber) == bindparam("name")
_CHOSEN = and_(_OWN, col(OutboxStream.aggregate_id).in_(bindparam("ids", expanding=True)))
IS_PENDING = and_(
    col(OutboxEvent.aggregate_id) == col(OutboxStream.aggregate_id),
    col(OutboxEvent.version) >= col(OutboxStream.next_version),
)
"""Joins events and streams: the subscriber of the stream hasn't received the event yet."""


def _leasable(is_due: ColumnElement[bool]) -> Select[int, int, int]:
    stream = OutboxStream
    return (
        select(col(stream.aggregate_id), col(stream.next_version), col(stream.failures))
        .where(_OWN, is_due)
        .order_by(col(stream.due_at))
        .limit(bindparam("limit"))
        # PostgreSQL: several relays get different streams. On SQLite a write transaction is alone.
        .with_for_update(skip_locked=True)
    )


_IS_DUE = col(OutboxStream.due_at) <= from_now()
# No relay puts a stream off for longer: the clock was ahead and has been set back.
_IS_TOO_FAR_AHEAD = col(OutboxStream.due_at) > from_now(bindparam("horizon", type_=Float))
_LEASABLE = (_leasable(_IS_DUE), _leasable(_IS_TOO_FAR_AHEAD))
"""Two statements, so that each reads one range of the index."""
_LEASE = update(OutboxStream).where(_CHOSEN)
_SECONDS_UNTIL_DUE = select(
    case(
        (exists().where(_OWN, _IS_TOO_FAR_AHEAD), 0.0),
        else_=select(seconds_until(func.min(col(OutboxStream.due_at))))
        .where(_OWN)
        .scalar_subquery(),
    )
)
# Materialised: the first version is read once for each stream, and then limits an index scan.
_FIRST = (
    select(
        col(OutboxStream.aggregate_id),
        select(func.min(col(OutboxEvent.version)))
        .where(IS_PENDING)
        .scalar_subquery()
        .label("version"),
    )
    .where(_CHOSEN)
    .cte("first")
    .prefix_with("MATERIALIZED")
)
_PENDING_EVENTS = (
    select_entities(OutboxEvent)
    .join(
        _FIRST,
        and_(
            col(OutboxEvent.aggregate_id) == _FIRST.c.aggregate_id,
            col(OutboxEvent.version) >= _FIRST.c.version,
            col(OutboxEvent.version) < _FIRST.c.version + EVENTS_PER_LEASE,
        ),
    )
    .order_by(col(OutboxEvent.aggregate_id), col(OutboxEvent.version))
)
_TOKENS = (
    select(col(OutboxStream.aggregate_id), col(OutboxStream.lease_token))
    .where(_CHOSEN)
    # In a fixed order: two relays that record the same streams can't deadlock.
    .order_by(col(OutboxStream.aggregate_id))
    .with_for_update()
)
_GIVE_BACK = (
    update(OutboxStream)
    .where(_OWN, col(OutboxStream.aggregate_id) == bindparam("id"))
    .values(
        lease_token=None,
        next_version=bindparam("to_version"),
        due_at=from_now(bindparam("retry_in_seconds", type_=Float)),
        failures=bindparam("to_failures", type_=Integer),
        last_error=case(
            (bindparam("to_failures", type_=Integer) == 0, null()),
            else_=func.coalesce(bindparam("error", type_=Text), col(OutboxStream.last_error)),
        ),
    )
)
_REMOVE_FINISHED = delete(OutboxStream).where(_CHOSEN, ~exists().where(IS_PENDING))


@dataclass(eq=False)
class Lease:
    """The right to deliver the events of an aggregate to one subscriber, and the results."""

    aggregate_id: int
    next_version: int
    """The events before it are done: delivered or parked."""
    token: str
    ends_at: float
    """By `time.monotonic()`."""
    failures: int
    """Failed deliveries in a row."""
    events: list[OutboxEvent] = field(default_factory=list)
    """The next events, in order, at most `EVENTS_PER_LEASE`."""
    parked: dict[int, str] = field(default_factory=dict)
    """The reasons by the events' numbers."""
    error: str | None = None
    """Why the last delivery failed. None: it didn't."""
    retry_in_seconds: float = 0.0

    def finish(self, event: OutboxEvent) -> None:
        """The event has been delivered or parked."""
        self.next_version = event.version + 1
        self.failures = 0

    def fail(self, error: str, *, retry_in_seconds: float) -> None:
        self.failures += 1
        self.error = error
        self.retry_in_seconds = retry_in_seconds


async def lease(
    session: WriteSession, subscriber: str, *, limit: int, seconds: float, horizon_seconds: float
) -> list[Lease]:
    """Lease up to `limit` due streams, the longest due first.

    A stream counts as due, too, if it is due in more than `horizon_seconds`.
    """
    # Read before the database's clock: the relay never expects a lease to last longer than it does.
    ends_at = time.monotonic() + seconds
    connection = await session.connection()
    rows: list[Row[int, int, int]] = []
    for leasable in _LEASABLE:
        if room := limit - len(rows):
            values = {"name": subscriber, "horizon": horizon_seconds, "limit": room}
            rows += (await connection.execute(leasable, values)).all()
    if not rows:
        return []
    token = token_hex(16)
    chosen = {"name": subscriber, "ids": [row.aggregate_id for row in rows]}
    await connection.execute(_LEASE.values(lease_token=token, due_at=from_now(seconds)), chosen)
    leases = {
        row.aggregate_id: Lease(row.aggregate_id, row.next_version, token, ends_at, row.failures)
        for row in rows
    }
    for event in await session.exec(_PENDING_EVENTS, params=chosen):
        leases[event.aggregate_id].events.append(event)
    return list(leases.values())


async def seconds_until_due(
    session: ReadSession, subscriber: str, *, horizon_seconds: float
) -> float | None:
    """How long until a stream may be leased (see `lease`). None: no event is pending."""
    values = {"name": subscriber, "horizon": horizon_seconds}
    return await session.scalar(_SECONDS_UNTIL_DUE, values)


async def give_back(session: WriteSession, subscriber: str, leases: Sequence[Lease]) -> list[Lease]:
    """Store the results of the leases, and end them.

    Nothing is stored for a lease that was lost: another relay may have the stream. Returns those leases.
    """
    if not leases:
        return []
    connection = await session.connection()
    values = {"name": subscriber, "ids": [each.aggregate_id for each in leases]}
    rows = await connection.execute(_TOKENS, values)
    tokens = {row.aggregate_id: row.lease_token for row in rows}
    valid = [each for each in leases if tokens.get(each.aggregate_id) == each.token]
    if valid:
        await _store(session, subscriber, valid)
    return [each for each in leases if each not in valid]


async def _store(session: WriteSession, subscriber: str, leases: Sequence[Lease]) -> None:
    """Move the streams on, and remove those that have no pending events.

    Their rows are locked by now. A transaction that adds an event has either committed it, so it is
    seen here, or waits for the lock and then adds the stream again.
    """
    now = utc_now()
    connection = await session.connection()
    parked = [
        {"event_number": number, "subscriber": subscriber, "parked_at": now, "reason": reason}
        for each in leases
        for number, reason in each.parked.items()
    ]
    if parked:
        await connection.execute(insert(ParkedEvent), parked)
    rows = [
        {
            "name": subscriber,
            "id": each.aggregate_id,
            "to_version": each.next_version,
            "retry_in_seconds": each.retry_in_seconds,
            "to_failures": each.failures,
            "error": each.error,
        }
        for each in leases
    ]
    await connection.execute(_GIVE_BACK, rows)
    ids = [each.aggregate_id for each in leases]
    await connection.execute(_REMOVE_FINISHED, {"name": subscriber, "ids": ids})
