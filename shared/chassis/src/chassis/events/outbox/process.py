"""The relays of all subscribers, for the app's lifespan or a process of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

import httpx
from prometheus_client import CollectorRegistry

from chassis.db.database import Database
from chassis.db.notifications import listen
from chassis.events.outbox.housekeeping import prune_delivered
from chassis.events.outbox.metrics import DeliveryMetrics
from chassis.events.outbox.relay import Relay
from chassis.events.outbox.settings import PublisherSettings
from chassis.events.outbox.transport import DeliveryTokens, HttpTransport, IssueToken
from chassis.events.outbox.writing import CHANNEL, WAKE_RELAYS
from chassis.http.client import service_client
from chassis.ops.background import BackgroundTask, BackgroundTasks

_SQLITE_POLL_SECONDS = 0.5
_POSTGRES_POLL_SECONDS = 5.0
"""Polling finds the events of lost notifications."""
_PRUNE_EVERY_SECONDS = 3600.0


@asynccontextmanager
async def delivering(
    settings: PublisherSettings,
    database: Database,
    issue_token: IssueToken,
    registry: CollectorRegistry,
    *,
    source: str,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[None]:
    """Deliver the events in a database to every subscriber of the settings, in the block.

    At its end, deliveries stop between two events and leases are given back. `source` names the publisher in
    its events; `transport` is for tests.
    """
    deadline_seconds = settings.events_deadline_seconds
    poll_seconds = _SQLITE_POLL_SECONDS if database.is_sqlite else _POSTGRES_POLL_SECONDS
    metrics = DeliveryMetrics(registry)
    tasks = BackgroundTasks(registry, stop_seconds=deadline_seconds)
    relays: dict[Relay, BackgroundTask] = {}
    async with AsyncExitStack() as stack:
        for subscriber in settings.events_subscribers:
            # One client each: a subscriber that uses many connections takes none of another's.
            http = service_client("", timeout_seconds=deadline_seconds, transport=transport)
            sink = HttpTransport(
                str(subscriber.url),
                await stack.enter_async_context(http),
                DeliveryTokens(issue_token, subscriber.audience),
                source=source,
                deadline_seconds=deadline_seconds,
            )
            relay = Relay(
                database, subscriber.name, sink, settings, metrics, poll_seconds=poll_seconds
            )
            relays[relay] = tasks.add(f"events_relay_{subscriber.name}", relay.work)
            relay.on_room = relays[relay].wake

        def wake() -> None:
            for worker in relays.values():
                worker.wake()

        tasks.add("events_prune", partial(_prune, settings, database))
        if not database.is_sqlite:
            hear = partial(listen, database.url, CHANNEL, wake)
            tasks.add("events_listener", hear, may_be_cancelled=True)
        database.session_info[WAKE_RELAYS] = wake
        stack.callback(database.session_info.pop, WAKE_RELAYS)
        async with tasks.running():
            try:
                yield
            finally:
                for relay in relays:
                    relay.stop()
        await asyncio.gather(*(relay.close(patience_seconds=deadline_seconds) for relay in relays))


async def _prune(settings: PublisherSettings, database: Database) -> float:
    await prune_delivered(database, older_than=timedelta(days=settings.events_keep_days))
    return _PRUNE_EVERY_SECONDS
