"""A relay with all that it needs, for the app's lifespan and for a process of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
from prometheus_client import CollectorRegistry

from app.outbox.housekeeping import prune_delivered
from app.outbox.metrics import DeliveryMetrics
from app.outbox.relay import Relay, RelaySettings
from app.outbox.sink import DeliveryTokens, HttpSink
from app.outbox.writing import CHANNEL, WAKE_RELAY
from app.services.access_tokens import TokenIssuer
from app.settings import UsersSettings
from chassis.db.database import Database
from chassis.db.notifications import Listener
from chassis.http.client import service_client
from chassis.ops.background import BackgroundTasks

_SQLITE_POLL_SECONDS = 0.5
_POSTGRES_POLL_SECONDS = 5.0
"""Only for a notification that got lost, and for clocks that differ."""
_PRUNE_EVERY_SECONDS = 3600.0
_LEASE_DEADLINES = 3
"""A lease lasts as long as so many deliveries that take all the time they may: so long do the events
wait that a relay had when it was killed."""


class RelayProcess:
    """Delivers the events in `database` to `settings.events_sink_url`."""

    def __init__(
        self,
        settings: UsersSettings,
        database: Database,
        issuer: TokenIssuer,
        registry: CollectorRegistry,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Connects to nothing yet. `transport` is for tests."""
        deadline_seconds = settings.events_deadline_seconds
        self._settings = settings
        self._database = database
        self._http = service_client("", timeout_seconds=deadline_seconds, transport=transport)
        sink = HttpSink(
            str(settings.events_sink_url),
            self._http,
            DeliveryTokens(issuer),
            deadline_seconds=deadline_seconds,
        )
        poll_seconds = _SQLITE_POLL_SECONDS if database.is_sqlite else _POSTGRES_POLL_SECONDS
        relay_settings = RelaySettings(
            concurrency=settings.events_concurrency,
            deadline_seconds=deadline_seconds,
            lease_seconds=_LEASE_DEADLINES * deadline_seconds,
            poll_seconds=poll_seconds,
            most_backoff_seconds=settings.events_max_backoff_seconds,
        )
        self._relay = Relay(database, sink, relay_settings, DeliveryMetrics(registry))
        self._tasks = BackgroundTasks(registry, stop_seconds=deadline_seconds)
        deliveries = self._tasks.add("events_relay", self._relay.work)
        self._relay.on_room = self._wake = deliveries.wake
        self._tasks.add("events_prune", self._prune)
        if not database.is_sqlite:
            listener = Listener(database.url, CHANNEL, self._wake)
            self._tasks.add("events_listener", listener.listen, may_be_cancelled=True)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver until the end of the block; then end between two events and give the leases back."""
        self._database.session_info[WAKE_RELAY] = self._wake
        try:
            async with self._tasks.running():
                try:
                    yield
                finally:
                    self._relay.stop()
            await self._relay.close(patience_seconds=self._settings.events_deadline_seconds)
        finally:
            del self._database.session_info[WAKE_RELAY]
            await self._http.aclose()

    async def _prune(self) -> float:
        age = timedelta(days=self._settings.events_keep_days)
        await prune_delivered(self._database, older_than=age)
        return _PRUNE_EVERY_SECONDS
