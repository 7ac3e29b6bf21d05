"""Takes in events, each once."""

from collections.abc import Callable, Mapping
from typing import Literal

import structlog

from app import read_model
from app.metrics import EventMetrics
from app.models import ReceivedEvent
from app.user_events import OwnerState, owner_state
from chassis.db.columns import utc_now
from chassis.db.database import Database, WriteSession, insert_if_absent
from chassis.events.cloudevents import Event, from_http

Result = Literal["applied", "duplicate", "stale", "unknown_type"]

logger = structlog.get_logger(__name__)


class Inbox:
    def __init__(
        self, database: Database, metrics: EventMetrics, *, on_deletion: Callable[[], None]
    ) -> None:
        """`on_deletion` is called when an owner's deletion is committed: there are items to delete."""
        self._database = database
        self._metrics = metrics
        self._on_deletion = on_deletion

    async def receive_http(self, headers: Mapping[str, str], body: bytes) -> Result:
        """As `receive`, for the event that a request delivers.

        Raises:
            UnsupportedMediaType, MalformedEvent: see `chassis.events.cloudevents.from_http`.
        """
        with self._metrics.counting_malformed():
            event = from_http(headers, body)
        return await self.receive(event)

    async def receive(self, event: Event) -> Result:
        """Let the event have its effect, and commit it.

        Raises:
            MalformedEvent: see `owner_state`.
        """
        with self._metrics.counting_malformed(event.type):
            state = owner_state(event)
        result: Result = await self._take_in(event, state) if state else "unknown_type"
        self._metrics.count(event.type, result)
        logger.info("event_received", type=event.type, id=event.id, result=result)
        if state and state.is_deleted and result == "applied":
            self._on_deletion()
        return result

    async def _take_in(self, event: Event, state: OwnerState) -> Result:
        async with self._database.transaction() as session:
            if not await _remember(session, event):
                return "duplicate"
            return "applied" if await read_model.apply(session, [state]) else "stale"


async def _remember(session: WriteSession, event: Event) -> bool:
    """Whether it is the first time; a second delivery at the same moment waits for the first."""
    received = {"source": event.source, "event_id": event.id, "received_at": utc_now()}
    return await insert_if_absent(session, ReceivedEvent, received)
