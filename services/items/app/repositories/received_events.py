"""Queries of received events."""

from datetime import datetime

from sqlalchemy import delete, tuple_
from sqlmodel import col, select

from app.models import ReceivedEvent
from chassis.db.columns import utc_now
from chassis.db.database import insert_if_absent
from chassis.db.sessions import WriteSession
from chassis.events.cloudevents import Event


class ReceivedEventRepository:
    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def add_if_absent(self, event: Event) -> bool:
        """Store the event's key and return whether it is new.

        A second delivery at the same moment waits for the first one's transaction.
        """
        values = {"source": event.source, "event_id": event.id, "received_at": utc_now()}
        return await insert_if_absent(self._session, ReceivedEvent, values)

    async def delete_some_before(self, received_before: datetime, *, limit: int) -> int:
        """Delete some events that were received earlier, and return how many."""
        key = (col(ReceivedEvent.source), col(ReceivedEvent.event_id))
        old = (
            select(ReceivedEvent.source, ReceivedEvent.event_id)
            .where(col(ReceivedEvent.received_at) < received_before)
            .limit(limit)
        )
        result = await self._session.exec(delete(ReceivedEvent).where(tuple_(*key).in_(old)))
        return result.rowcount
