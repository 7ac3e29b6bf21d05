"""Registers and removes subscribers, or lets one begin again. All are data; none needs a migration."""

from sqlalchemy import Integer, String, bindparam, delete, func, insert, literal, select, text
from sqlmodel import col

from chassis.db.columns import from_now, utc_now
from chassis.db.database import insert_if_absent
from chassis.db.sessions import WriteSession
from chassis.events.outbox.models import OutboxEvent, OutboxStream, OutboxSubscriber, ParkedEvent

_STREAMS_OF_STORED_EVENTS = insert(OutboxStream).from_select(
    ["subscriber", "aggregate_id", "next_version", "due_at", "failures"],
    select(
        bindparam("name", type_=String),
        col(OutboxEvent.aggregate_id),
        func.min(col(OutboxEvent.version)),
        from_now(),
        literal(0, Integer),
    ).group_by(col(OutboxEvent.aggregate_id)),
)
_LOCK_STREAMS = (
    select(col(OutboxStream.aggregate_id))
    .where(col(OutboxStream.subscriber) == bindparam("name"))
    .order_by(col(OutboxStream.aggregate_id))  # the order in which relays lock them
    .with_for_update()
)


async def register_subscriber(session: WriteSession, name: str) -> bool:
    """Let a subscriber get every event, from the oldest stored one on. False: it is registered already."""
    if await session.get(OutboxSubscriber, name) is not None:
        return False
    await _wait_for_writers(session)
    values = {"name": name, "registered_at": utc_now()}
    if not await insert_if_absent(session, OutboxSubscriber, values):
        return False  # another process was faster
    connection = await session.connection()
    await connection.execute(_STREAMS_OF_STORED_EVENTS, {"name": name})
    return True


async def remove_subscriber(session: WriteSession, name: str) -> bool:
    """Forget a subscriber, with its position and its parked events. False: there is none of this name."""
    await _wait_for_writers(session)
    connection = await session.connection()
    await connection.execute(_LOCK_STREAMS, {"name": name})
    for model in (OutboxStream, ParkedEvent):
        await connection.execute(delete(model).where(col(model.subscriber) == name))
    removed = await connection.execute(
        delete(OutboxSubscriber).where(col(OutboxSubscriber.name) == name)
    )
    return removed.rowcount > 0


async def redeliver(session: WriteSession, name: str) -> bool:
    """Let a subscriber get every stored event again, as if it were new. False: there is none of this name."""
    return await remove_subscriber(session, name) and await register_subscriber(session, name)


async def _wait_for_writers(session: WriteSession) -> None:
    """Wait for the transactions that have written events, and delay new ones until this one ends.

    Each event is then either stored by now, or its transaction will see which subscribers there are.
    """
    connection = await session.connection()
    if connection.dialect.name == "postgresql":  # on SQLite, a write transaction is alone
        await connection.execute(text("LOCK TABLE outbox_events IN SHARE ROW EXCLUSIVE MODE"))
