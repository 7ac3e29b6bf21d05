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
from chassis.events.outbox.settings import PublisherSettings, Subscriber
from chassis.events.outbox.transport import DeliveryTokens, HttpTransport, IssueToken, Transport
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
            sink = await stack.enter_async_context(
                _transport(settings, subscriber, issue_token, source, transport)
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


@asynccontextmanager
async def _transport(
    settings: PublisherSettings,
    subscriber: Subscriber,
    issue_token: IssueToken,
    source: str,
    network: httpx.AsyncBaseTransport | None,
) -> AsyncIterator[Transport]:
    """One for each subscriber: one that uses many connections takes none of another's."""
    seconds = settings.events_deadline_seconds
    if subscriber.is_broker:
        from chassis.events.nats.connection import open_broker  # noqa: PLC0415 - an extra
        from chassis.events.nats.transport import NatsTransport  # noqa: PLC0415

        async with open_broker(
            subscriber.url, settings.nats_password, stop_seconds=seconds
        ) as broker:
            yield NatsTransport(broker, source=source, deadline_seconds=seconds)
        return
    async with service_client("", timeout_seconds=seconds, transport=network) as http:
        tokens = DeliveryTokens(issue_token, subscriber.audience)
        url = str(subscriber.url)
        yield HttpTransport(url, http, tokens, source=source, deadline_seconds=seconds)


async def _prune(settings: PublisherSettings, database: Database) -> float:
    await prune_delivered(database, older_than=timedelta(days=settings.events_keep_days))
    return _PRUNE_EVERY_SECONDS
