"""Receives events, and applies each of them once."""

from collections.abc import Callable, Mapping
from typing import Literal

import structlog
from prometheus_client import CollectorRegistry

from app.events.user_events import OwnerState, owner_state
from app.metrics import EventMetrics
from app.repositories.received_events import ReceivedEventRepository
from app.services.owners import apply_states
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.events.cloudevents import Event, from_http
from chassis.events.consuming import Receive

Result = Literal["applied", "duplicate", "stale", "unknown_type"]

logger = structlog.get_logger(__name__)


class Inbox:
    def __init__(
        self, database: Database, metrics: EventMetrics, *, on_deletion: Callable[[], None]
    ) -> None:
        """`on_deletion` is called after an owner's deletion is committed: there are items to delete."""
        self._database = database
        self._metrics = metrics
        self._on_deletion = on_deletion

    async def receive_http(self, headers: Mapping[str, str], body: bytes) -> Result:
        """Like `receive`, for the event in a request.

        Raises:
            UnsupportedMediaType, MalformedEvent: see `chassis.events.cloudevents.from_http`.
        """
        with self._metrics.counting_malformed():
            event = from_http(headers, body)
        return await self.receive(event)

    async def receive(self, event: Event) -> Result:
        """Apply the event and commit.

        Raises:
            MalformedEvent: see `owner_state`.
        """
        with self._metrics.counting_malformed(event.type):
            state = owner_state(event)
        result: Result = await self._apply(event, state) if state else "unknown_type"
        self._metrics.count(event.type, result)
        logger.info("event_received", type=event.type, id=event.id, result=result)
        if state and state.is_deleted and result == "applied":
            self._on_deletion()
        return result

    async def _apply(self, event: Event, state: OwnerState) -> Result:
        async def apply(session: WriteSession) -> Result:
            if not await ReceivedEventRepository(session).add_if_absent(event):
                return "duplicate"
            return "applied" if await apply_states(session, [state]) else "stale"

        return await self._database.transact(apply)


def open_inbox(database: Database, registry: CollectorRegistry) -> Receive:
    """For a process that only receives: the service itself finds the items to delete."""
    return Inbox(database, EventMetrics(registry), on_deletion=lambda: None).receive_http
