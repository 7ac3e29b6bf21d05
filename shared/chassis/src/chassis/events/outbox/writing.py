"""Writes an event in the transaction of the change that it reports."""

from collections.abc import Mapping
from uuid import uuid4

from pydantic import JsonValue
from sqlalchemy import BigInteger, Integer, bindparam, func, literal, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col

from chassis.db.columns import UtcDateTime, utc_now
from chassis.db.database import after_commit
from chassis.db.sessions import WriteSession
from chassis.events.outbox.models import OutboxEvent, OutboxStream, OutboxSubscriber
from chassis.web.context import current_context

CHANNEL = "outbox"
"""Relays in other processes listen on it, on PostgreSQL."""
WAKE_RELAYS = "wake_relays"
"""A key of `Database.session_info`: the function to call when an event has been committed."""

_NEW_STREAMS = select(
    col(OutboxSubscriber.name),
    bindparam("aggregate_id", type_=BigInteger),
    bindparam("version", type_=Integer),
    bindparam("now", type_=UtcDateTime),
    literal(0),
).where(true())  # SQLite can't parse ON CONFLICT after a SELECT without WHERE
_COLUMNS = ["subscriber", "aggregate_id", "next_version", "due_at", "failures"]
_KEY = ["aggregate_id", "subscriber"]
# Changes nothing, but locks the row, which DO NOTHING doesn't.
_LOCK_ONLY = {"failures": OutboxStream.failures}
_QUEUE_ON_SQLITE = (
    sqlite.insert(OutboxStream)
    .from_select(_COLUMNS, _NEW_STREAMS)
    .on_conflict_do_update(index_elements=_KEY, set_=_LOCK_ONLY)
)
# The notification in the same statement saves a round trip. PostgreSQL sends it at the commit.
_QUEUE_ON_POSTGRES = (
    postgresql.insert(OutboxStream)
    .from_select(_COLUMNS, _NEW_STREAMS)
    .on_conflict_do_update(index_elements=_KEY, set_=_LOCK_ONLY)
    .returning(func.pg_notify(CHANNEL, ""))
)


async def write_event(
    session: WriteSession,
    event_type: str,
    *,
    aggregate_id: int,
    version: int,
    data: Mapping[str, JsonValue],
) -> OutboxEvent:
    """Add an event for every subscriber, and wake the relays when it is committed.

    `data` should be the full state, so that a later event makes up for one that was refused.
    The transaction has to hold a lock on the aggregate, so that versions are committed in order.
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
    await _queue(session, event)
    return event


async def _queue(session: WriteSession, event: OutboxEvent) -> None:
    """Add the event's stream for each registered subscriber that has no pending events of it.

    It locks the streams until the transaction ends: a relay that removes a stream because nothing
    is left to deliver either does so before this, or sees this transaction's event.
    """
    connection = await session.connection()
    is_postgres = connection.dialect.name == "postgresql"
    await connection.execute(
        _QUEUE_ON_POSTGRES if is_postgres else _QUEUE_ON_SQLITE,
        {"aggregate_id": event.aggregate_id, "version": event.version, "now": utc_now()},
    )
    wake_relays_after_commit(session)


def wake_relays_after_commit(session: WriteSession) -> None:
    """Wake the relays of this process. The ones of other processes hear PostgreSQL's notification, or poll."""
    if wake := session.info.get(WAKE_RELAYS):
        after_commit(session, wake)
