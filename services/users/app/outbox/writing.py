"""Writing an event in the transaction of the change that it tells of."""

from sqlalchemy import func
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col

from app.models import OutboxStream, User
from app.outbox.events import EventType, event_of
from chassis.db.columns import utc_now
from chassis.db.database import after_commit
from chassis.db.sessions import WriteSession

CHANNEL = "users_outbox"
"""What relays in other processes listen to, on PostgreSQL."""
WAKE_RELAY = "wake_relay"
"""In the `info` of a session: what to call when an event has been committed (`Database.session_info`)."""


async def write_event(session: WriteSession, event_type: EventType, user: User) -> None:
    """Add the event to the user's stream, and let a relay know when it is committed."""
    event = event_of(event_type, user)
    session.add(event)
    await session.flush()
    await queue(session, event.user_id)


async def queue(session: WriteSession, user_id: int) -> None:
    """Let relays see to a user's stream, which has pending events.

    It locks the stream until the transaction ends: a relay that finds nothing left to deliver, and
    removes the stream, does so before this or sees this transaction's event.
    """
    is_postgres = session.get_bind().dialect.name == "postgresql"
    insert = (postgresql.insert if is_postgres else sqlite.insert)(OutboxStream)
    statement = insert.values(user_id=user_id, due_at=utc_now(), failures=0).on_conflict_do_update(
        index_elements=[col(OutboxStream.user_id)],
        # Sets nothing, but takes the lock, which `DO NOTHING` doesn't.
        set_={"failures": OutboxStream.failures},
    )
    if is_postgres:
        # In the same statement, which saves a round trip. It is sent when the transaction commits.
        await session.execute(statement.returning(func.pg_notify(CHANNEL, "")))
    else:
        await session.execute(statement)
    if wake := session.info.get(WAKE_RELAY):
        after_commit(session, wake)
