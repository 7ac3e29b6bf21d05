"""How fast events leave: `tox -e bench-events`.

The subscribers are one fake server that takes everything, in a process of its own. The latency is from
the change to its answer. The rate is that of one process with so many events pending at the start.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import delete, insert, text

from app.database import MIGRATIONS
from app.events.user_events import SOURCE
from app.main import token_issuer
from app.models import OutboxEvent, OutboxStream, OutboxSubscriber
from app.services import accounts
from app.settings import UsersSettings
from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.db.migrations import upgrade
from chassis.events.outbox.metrics import SubscriberMetrics
from chassis.events.outbox.process import RelayProcess
from chassis.events.outbox.transport import Answer
from service_testing.databases import create_database

_SINK_PORT = 8999
_CHANGES = 300
_CHANGE_EVERY_SECONDS = 0.02
_MOST_SECONDS = 15.0
_USERS_PER_INSERT = 2_000
_EVENTS_PER_USER = 2


async def sink(scope: Any, receive: Any, send: Any) -> None:
    """An app that takes any request and answers 204."""
    del scope
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def running_sink() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, __file__, "--sink"])  # noqa: S603 - this file
    url = f"http://127.0.0.1:{_SINK_PORT}/events/"
    try:
        for _ in range(100):
            try:
                httpx.get(url, trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def settings(database_url: str, sink_url: str, subscribers: int = 1) -> UsersSettings:
    values: dict[str, Any] = {
        "environment": "development",
        "events_subscribers": ",".join(f"{name}={sink_url}" for name in _names(subscribers)),
    }
    return UsersSettings(database_url=SecretStr(database_url), **values)


def _names(subscribers: int) -> list[str]:
    return [f"subscriber-{number}" for number in range(1, subscribers + 1)]


def relay_of(
    database: Database, chosen: UsersSettings, registry: CollectorRegistry
) -> RelayProcess:
    issue = token_issuer(database, chosen).for_delivery
    return RelayProcess(chosen, database, issue, registry, source=SOURCE)


async def measure_latency(chosen: UsersSettings, url: str) -> str:
    """One change after the other, each committed in a session that wakes the relay by itself."""
    delays: list[float] = []
    observe = SubscriberMetrics.observe

    def timed(self: SubscriberMetrics, event: OutboxEvent, answer: Answer) -> None:
        delays.append((utc_now() - event.occurred_at).total_seconds() * 1000)
        observe(self, event, answer)

    SubscriberMetrics.observe = timed  # type: ignore[method-assign]
    database = Database(url)
    async with relay_of(database, chosen, CollectorRegistry()).running():
        await asyncio.sleep(1)
        for number in range(_CHANGES):
            async with database.transaction() as session:
                email = f"u{number}-{os.getpid()}@example.com"
                await accounts.register(session, email=email, name="Ada", password_hash="x")  # noqa: S106
            await asyncio.sleep(_CHANGE_EVERY_SECONDS)
        await asyncio.sleep(1)
    await database.aclose()
    SubscriberMetrics.observe = observe  # type: ignore[method-assign]
    hundredths = statistics.quantiles(delays[5:], n=100)
    return f"latency p50 {hundredths[49]:.1f} ms, p99 {hundredths[98]:.1f} ms, {len(delays)} events"


async def measure_rate(chosen: UsersSettings, url: str, pending: int) -> str:
    database = Database(url)
    names = chosen.subscriber_names
    expected = pending * len(names)
    await _fill(database, pending, names)
    registry = CollectorRegistry()
    relay = relay_of(database, chosen, registry)
    cpu, start = time.process_time(), time.perf_counter()
    delivered = 0.0
    async with relay.running():
        while delivered < expected and time.perf_counter() - start < _MOST_SECONDS:
            await asyncio.sleep(0.1)
            delivered = sum(_delivered(registry, name) for name in names)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    await database.aclose()
    rate, milliseconds = delivered / seconds, 1000 * cpu / max(delivered, 1)
    return (
        f"{pending:,} pending for {len(names)}: {rate:.0f} deliveries a second, "
        f"{milliseconds:.2f} ms of CPU each"
    )


def _delivered(registry: CollectorRegistry, subscriber: str) -> float:
    labels = {"subscriber": subscriber, "result": "delivered"}
    return registry.get_sample_value("event_deliveries_total", labels) or 0.0


async def _fill(database: Database, pending: int, names: list[str]) -> None:
    now, users = utc_now(), pending // _EVENTS_PER_USER
    async with database.transaction() as session:
        for model in (OutboxEvent, OutboxStream, OutboxSubscriber):
            await session.exec(delete(model))
        session.add_all(OutboxSubscriber(name=name, registered_at=now) for name in names)
    for first in range(1, users + 1, _USERS_PER_INSERT):
        ids = range(first, min(first + _USERS_PER_INSERT, users + 1))
        events = [
            {
                "event_id": f"{user_id}-{version}",
                "aggregate_id": user_id,
                "version": version,
                "type": "user.updated",
                "data": {"id": user_id, "name": "Ada", "is_active": True, "version": version},
                "occurred_at": now,
            }
            for user_id in ids
            for version in range(1, _EVENTS_PER_USER + 1)
        ]
        streams = [
            {
                "subscriber": name,
                "aggregate_id": user_id,
                "next_version": 1,
                "due_at": now,
                "failures": 0,
            }
            for user_id in ids
            for name in names
        ]
        async with database.transaction() as session:
            await session.exec(insert(OutboxEvent), params=events)
            await session.exec(insert(OutboxStream), params=streams)
    async with database.transaction() as session:
        await (await session.connection()).execute(text("ANALYZE"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--pending", type=int, action="append", help="1000 and 100000 by default")
    parser.add_argument("--subscribers", type=int, action="append", help="1 and 3 by default")
    arguments = parser.parse_args()
    if arguments.sink:
        uvicorn.run(sink, port=_SINK_PORT, log_level="error", access_log=False, lifespan="off")
        return
    with tempfile.TemporaryDirectory() as folder, running_sink() as sink_url:
        urls = {"SQLite": f"sqlite:///{folder}/test_users_bench.db"}
        if server := os.environ.get("TEST_POSTGRES_URL"):
            urls["PostgreSQL"] = create_database(server, "test_users_bench")
        for name, url in urls.items():
            upgrade(url, MIGRATIONS)
            chosen = settings(url, sink_url)
            print(f"{name}: {asyncio.run(measure_latency(chosen, url))}", flush=True)
            for pending in arguments.pending or [1_000, 100_000]:
                for subscribers in arguments.subscribers or [1, 3]:
                    chosen = settings(url, sink_url, subscribers)
                    print(f"{name}: {asyncio.run(measure_rate(chosen, url, pending))}", flush=True)


if __name__ == "__main__":
    main()
