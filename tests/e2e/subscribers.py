# needs: users, items
"""Several subscribers of users: the items service, and receivers, each in a process of its own."""

import asyncio
import json
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from datetime import datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from nats.js import JetStreamContext
from sqlalchemy import text

from chassis.db.database import Database
from chassis.events.nats.administration import administer, create_consumer
from service_testing.ports import free_port
from tests.e2e import receiver
from tests.e2e.processes import LocalStack, ServiceProcess
from tests.e2e.stack import wait_for

_STREAM = "users"
_FORGET = "TRUNCATE outbox_events, outbox_streams, outbox_subscribers, outbox_parked_events"
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.e2e.receiver", "tests.e2e.processes"])


@contextmanager
def relay_to(
    count: int, transport: str, stack: LocalStack, folder: Path
) -> Iterator[tuple[ServiceProcess, Sequence[Path]]]:
    """A relay that delivers to so many subscribers, and the log of each.

    Earlier events are forgotten. The stack is on PostgreSQL, has a broker, and no other relay.
    """
    asyncio.run(_forget_events(stack.users.database_url))
    items_log = folder / "items.log"
    os.truncate(items_log, 0)
    logs = [folder / f"receiver-{number}.log" for number in range(2, count + 1)]
    for log in logs:
        log.unlink(missing_ok=True)  # of another call
    relay = stack.users.another("relay")
    receivers = _consumers(logs, stack) if transport == "nats" else _servers(logs, stack, relay)
    with ExitStack() as cleanup:
        for each in receivers:
            each.start()
            cleanup.callback(each.join)
            cleanup.callback(each.terminate)
        relay.start()
        cleanup.callback(relay.stop)
        wait_for(lambda: all(log.exists() for log in logs), "the receivers to start")
        yield relay, [items_log, *logs]


async def _forget_events(database_url: str) -> None:
    async with aclosing(Database(database_url)) as database, database.transaction() as session:
        await (await session.connection()).execute(text(_FORGET))


def _servers(
    logs: Sequence[Path], stack: LocalStack, relay: ServiceProcess
) -> list[ForkServerProcess]:
    ports = {log: free_port() for log in logs}
    urls = {log.stem: f"http://127.0.0.1:{port}" for log, port in ports.items()}
    targets = {"items": stack.items.url, **urls}.items()
    relay.configure(EVENTS_SUBSCRIBERS=",".join(f"{name}={url}/events/" for name, url in targets))
    return [_PROCESSES.Process(target=receiver.over_http, args=each) for each in ports.items()]


def _consumers(logs: Sequence[Path], stack: LocalStack) -> list[ForkServerProcess]:
    assert stack.nats

    async def prepare(jetstream: JetStreamContext) -> None:
        for each in await jetstream.consumers_info(_STREAM):
            if each.name != "items":  # it is of another call
                await jetstream.delete_consumer(_STREAM, each.name)
        await jetstream.purge_stream(_STREAM)
        for log in logs:
            await create_consumer(jetstream, _STREAM, log.stem)

    administer(stack.nats.url(with_password=True), prepare)
    ways = [(log, _STREAM, stack.nats.url()) for log in logs]
    return [_PROCESSES.Process(target=receiver.over_nats, args=each) for each in ways]


def arrivals(log: Path) -> Mapping[str, datetime]:
    """When the subscriber had applied each event, by the event's id."""
    lines = (json.loads(line) for line in log.read_text().splitlines() if line.startswith("{"))
    received = (line for line in lines if line["event"] == "event_received")
    found: dict[str, datetime] = {}
    for each in received:
        found.setdefault(each["id"], datetime.fromisoformat(each["timestamp"]))
    return found


def wait_for_events(logs: Sequence[Path], count: int) -> None:
    """Wait until each of the subscribers has so many events."""

    def have_all() -> bool:
        # Counting first takes less of the processor from those who are waited for.
        have_lines = all(log.read_bytes().count(b"event_received") >= count for log in logs)
        return have_lines and all(len(arrivals(log)) >= count for log in logs)

    wait_for(have_all, f"{count} events in {logs}")
