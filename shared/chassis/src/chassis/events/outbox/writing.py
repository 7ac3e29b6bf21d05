"""Writes an event in the transaction of the change that it reports."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from pydantic import JsonValue
from sqlalchemy import BigInteger, Float, Integer, bindparam, func, literal, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col

from chassis.db.columns import from_now, utc_now
from chassis.db.sessions import WriteSession
from chassis.events.outbox.models import OutboxEvent, OutboxStream, OutboxSubscriber
from chassis.web.context import current_context

CHANNEL = "outbox"
"""Relays listen on it for the events of processes without relays, on PostgreSQL."""
WAKE_RELAYS = "wake_relays"
"""A key of `Database.session_info`: the function to call when an event has been committed."""

_NEW_STREAMS = (
    select(
        col(OutboxSubscriber.name),
        bindparam("aggregate_id", type_=BigInteger),
        bindparam("version", type_=Integer),
        from_now(bindparam("after_seconds", type_=Float)),
        literal(0),
    )
    .where(true())  # SQLite can't parse ON CONFLICT after a SELECT without WHERE
    .order_by(col(OutboxSubscriber.name))  # the order in which all transactions lock streams
)


def _queue_with(insert: Callable[[type], Any]) -> Any:
    """Add the streams. A stream that exists isn't changed, but locked, which DO NOTHING doesn't do."""
    columns = ["subscriber", "aggregate_id", "next_version", "due_at", "failures"]
    statement = insert(OutboxStream).from_select(columns, _NEW_STREAMS)
    key, unchanged = ["aggregate_id", "subscriber"], {"failures": OutboxStream.failures}
    return statement.on_conflict_do_update(index_elements=key, set_=unchanged)


_QUEUE = {"sqlite": _queue_with(sqlite.insert), "postgresql": _queue_with(postgresql.insert)}
# The notification in the same statement saves a round trip. PostgreSQL sends it at the commit, which waits for the
# commits of all others on the server that notify.
_QUEUE_AND_NOTIFY = _queue_with(postgresql.insert).returning(func.pg_notify(CHANNEL, ""))


async def write_event(
    session: WriteSession,
    event_type: str,
    *,
    aggregate_id: int,
    version: int,
    data: Mapping[str, JsonValue],
    after_seconds: float = 0.0,
) -> OutboxEvent:
    """Add an event for every subscriber, and wake the relays when it is committed.

    `data` should be the full state, so that a later event replaces one that was refused. It is delivered at
    the earliest `after_seconds`.
    The transaction must have a lock on the aggregate, so that versions are committed in order.
    """
    cause = current_context.get()
    event = OutboxEvent(
        event_id=str(uuid4()),
        aggregate_id=aggregate_id,
        version=version,
        type=event_type,
        data=dict(data),
        occurred_at=utc_now(),
        traceparent=cause.traceparent if cause else None,
        request_id=cause.request_id if cause else None,
    )
    session.add(event)
    await session.flush()
    await _queue(session, event, after_seconds)
    return event


async def _queue(session: WriteSession, event: OutboxEvent, after_seconds: float) -> None:
    """Add the event's stream for each registered subscriber that has no pending events of it.

    It locks the streams until the transaction ends: a relay that removes a stream because nothing
    is left to deliver either does so before this, or sees this transaction's event.
    """
    connection = await session.connection()
    values = {
        "aggregate_id": event.aggregate_id,
        "version": event.version,
        "after_seconds": after_seconds,
    }
    wake = session.info.get(WAKE_RELAYS)
    if wake is None and connection.dialect.name == "postgresql":
        await connection.execute(_QUEUE_AND_NOTIFY, values)
    else:
        await connection.execute(_QUEUE[connection.dialect.name], values)
    if wake:  # The relays of this process. If it ends before they deliver, those of others poll.
        session.on_commit(wake)
