"""How fast events leave: `tox -e bench-events`.

A sink that takes everything stands in for items, in a process of its own. The latency is from the
change to its answer; the rate is that of one relay with so many events pending at the start.
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
from app.models import OutboxEvent, OutboxStream
from app.outbox.metrics import DeliveryMetrics
from app.outbox.process import RelayProcess
from app.services import accounts
from app.services.access_tokens import TokenIssuer
from app.services.signing_keys import KeyRing
from app.settings import UsersSettings
from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.db.migrations import upgrade
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


def settings(database_url: str, sink_url: str) -> UsersSettings:
    values: dict[str, Any] = {"environment": "development", "events_sink_url": sink_url}
    return UsersSettings(database_url=SecretStr(database_url), **values)


def relay_of(
    database: Database, chosen: UsersSettings, registry: CollectorRegistry
) -> RelayProcess:
    issuer = TokenIssuer(KeyRing(database, chosen), lifetime_seconds=900, user_audiences=[])
    return RelayProcess(chosen, database, issuer, registry)


async def measure_latency(chosen: UsersSettings, url: str) -> str:
    """One change after the other, each committed in a session that wakes the relay by itself."""
    delays: list[float] = []
    observe = DeliveryMetrics.observe

    def timed(self: DeliveryMetrics, event: OutboxEvent, answer: Any) -> None:
        delays.append((utc_now() - event.occurred_at).total_seconds() * 1000)
        observe(self, event, answer)

    DeliveryMetrics.observe = timed  # type: ignore[method-assign]
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
    DeliveryMetrics.observe = observe  # type: ignore[method-assign]
    hundredths = statistics.quantiles(delays[5:], n=100)
    return f"latency p50 {hundredths[49]:.1f} ms, p99 {hundredths[98]:.1f} ms, {len(delays)} events"


async def measure_rate(chosen: UsersSettings, url: str, pending: int) -> str:
    database = Database(url)
    await _fill(database, pending)
    registry = CollectorRegistry()
    relay = relay_of(database, chosen, registry)
    cpu, start = time.process_time(), time.perf_counter()
    delivered = 0.0
    async with relay.running():
        while delivered < pending and time.perf_counter() - start < _MOST_SECONDS:
            await asyncio.sleep(0.1)
            labels = {"result": "delivered"}
            delivered = registry.get_sample_value("event_deliveries_total", labels) or 0.0
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    await database.aclose()
    rate, milliseconds = delivered / seconds, 1000 * cpu / max(delivered, 1)
    return f"{pending:,} pending: {rate:.0f} events a second, {milliseconds:.2f} ms of CPU each"


async def _fill(database: Database, pending: int) -> None:
    now, users = utc_now(), pending // _EVENTS_PER_USER
    async with database.transaction() as session:
        await session.execute(delete(OutboxEvent))
        await session.execute(delete(OutboxStream))
    for first in range(1, users + 1, _USERS_PER_INSERT):
        ids = range(first, min(first + _USERS_PER_INSERT, users + 1))
        events = [
            {
                "event_id": f"{user_id}-{version}",
                "user_id": user_id,
                "version": version,
                "type": "user.updated",
                "data": {"id": user_id, "name": "Ada", "is_active": True, "version": version},
                "occurred_at": now,
            }
            for user_id in ids
            for version in range(1, _EVENTS_PER_USER + 1)
        ]
        streams = [{"user_id": user_id, "due_at": now, "failures": 0} for user_id in ids]
        async with database.transaction() as session:
            await session.execute(insert(OutboxEvent), events)
            await session.execute(insert(OutboxStream), streams)
    async with database.transaction() as session:
        await session.execute(text("ANALYZE"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--pending", type=int, action="append", help="1000 and 100000 by default")
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
                print(f"{name}: {asyncio.run(measure_rate(chosen, url, pending))}", flush=True)


if __name__ == "__main__":
    main()
