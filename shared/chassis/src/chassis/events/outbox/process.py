"""The relays of all subscribers with what they need, for the app's lifespan or a process of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import httpx
from prometheus_client import CollectorRegistry

from chassis.db.database import Database
from chassis.db.notifications import Listener
from chassis.events.outbox.housekeeping import prune_delivered
from chassis.events.outbox.metrics import DeliveryMetrics
from chassis.events.outbox.relay import Relay, RelaySettings
from chassis.events.outbox.settings import PublisherSettings, Subscriber
from chassis.events.outbox.transport import DeliveryTokens, HttpTransport, IssueToken
from chassis.events.outbox.writing import CHANNEL, WAKE_RELAYS
from chassis.http.client import service_client
from chassis.ops.background import BackgroundTask, BackgroundTasks

_SQLITE_POLL_SECONDS = 0.5
_POSTGRES_POLL_SECONDS = 5.0
"""Only for a notification that was lost, and for clocks that differ."""
_PRUNE_EVERY_SECONDS = 3600.0
_LEASE_DEADLINES = 3
"""A lease lasts as long as this many of the slowest deliveries. The events of a relay that was killed wait
that long."""


class RelayProcess:
    """Delivers the events in a database to every subscriber of the settings."""

    def __init__(
        self,
        settings: PublisherSettings,
        database: Database,
        issue_token: IssueToken,
        registry: CollectorRegistry,
        *,
        source: str,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """It connects to nothing yet. `source` names the publisher in its events; `transport` is for tests."""
        self._settings = settings
        self._database = database
        self._issue_token = issue_token
        self._source = source
        self._http_transport = transport
        self._metrics = DeliveryMetrics(registry)
        self._tasks = BackgroundTasks(registry, stop_seconds=settings.events_deadline_seconds)
        self._clients: list[httpx.AsyncClient] = []
        self._relays: list[Relay] = []
        self._workers: list[BackgroundTask] = []
        for subscriber in settings.events_subscribers:
            self._add_relay(subscriber)
        self._tasks.add("events_prune", self._prune)
        if not database.is_sqlite:
            listener = Listener(database.url, CHANNEL, self._wake)
            self._tasks.add("events_listener", listener.listen, may_be_cancelled=True)

    def _add_relay(self, subscriber: Subscriber) -> None:
        settings, deadline_seconds = self._settings, self._settings.events_deadline_seconds
        # A client of its own: connections that one subscriber keeps busy are no other's.
        http = service_client("", timeout_seconds=deadline_seconds, transport=self._http_transport)
        transport = HttpTransport(
            str(subscriber.url),
            http,
            DeliveryTokens(self._issue_token, subscriber.audience),
            source=self._source,
            deadline_seconds=deadline_seconds,
        )
        is_sqlite = self._database.is_sqlite
        relay_settings = RelaySettings(
            concurrency=settings.events_concurrency,
            deadline_seconds=deadline_seconds,
            lease_seconds=_LEASE_DEADLINES * deadline_seconds,
            poll_seconds=_SQLITE_POLL_SECONDS if is_sqlite else _POSTGRES_POLL_SECONDS,
            most_backoff_seconds=settings.events_max_backoff_seconds,
        )
        relay = Relay(self._database, subscriber.name, transport, relay_settings, self._metrics)
        worker = self._tasks.add(f"events_relay_{subscriber.name}", relay.work)
        relay.on_room = worker.wake
        self._clients.append(http)
        self._relays.append(relay)
        self._workers.append(worker)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver until the end of the block; then stop between two events and give the leases back."""
        async with AsyncExitStack() as stack:
            for http in self._clients:
                stack.push_async_callback(http.aclose)
            self._database.session_info[WAKE_RELAYS] = self._wake
            stack.callback(self._database.session_info.pop, WAKE_RELAYS)
            async with self._tasks.running():
                try:
                    yield
                finally:
                    for relay in self._relays:
                        relay.stop()
            patience_seconds = self._settings.events_deadline_seconds
            await asyncio.gather(
                *(relay.close(patience_seconds=patience_seconds) for relay in self._relays)
            )

    def _wake(self) -> None:
        for worker in self._workers:
            worker.wake()

    async def _prune(self) -> float:
        age = timedelta(days=self._settings.events_keep_days)
        await prune_delivered(self._database, older_than=age)
        return _PRUNE_EVERY_SECONDS
