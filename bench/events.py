"""Events a second and their latency, over HTTP and over NATS JetStream: `tox -e bench-events`.

    tox -e bench-events -- --subscribers 1 10 --rounds 1

The transports take turns.
"""

import argparse
import asyncio
import os
import signal
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.servers import Server
from tests.e2e.clients import register_accounts
from tests.e2e.processes import LocalStack, stack_on_postgres
from tests.e2e.subscribers import arrivals, relay_to, wait_for_events

_SETTINGS = {"EVENTS_RELAY": "false", "EVENTS_DEADLINE_SECONDS": "5", "BACKGROUND": "false"}
_WARM_UP, _BURST, _STEADY, _STEADY_PER_SECOND = 20, 300, 80, 20
_EVENTS = "SELECT event_id, occurred_at FROM outbox_events ORDER BY id"
_HEAD = "transport  subscribers  events/s   p50 ms   p99 ms  relay us  items us"


class Result(NamedTuple):
    events_per_second: float
    relay_us: float
    """CPU for each event of the burst."""
    items_us: float
    latencies_ms: Sequence[float]
    """Of each delivery at a steady rate."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="tox -e bench-events --")
    parser.add_argument("--subscribers", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args(arguments)
    results: dict[tuple[str, int], list[Result]] = defaultdict(list)
    with stack_on_postgres({"users": _SETTINGS}, events="nats", durable=True) as (stack, folder):
        for _ in range(options.rounds):
            for count in options.subscribers:
                for transport in ("http", "nats"):
                    results[transport, count].append(measure(count, transport, stack, folder))
                    print(".", end="", flush=True)
    print(f"\nload average of the machine: {os.getloadavg()[0]:.1f}\n{_HEAD}")
    for (transport, count), found in results.items():
        print(as_line(transport, count, found))
    print("How to read it: docs/performance.md")
    return 0


def as_line(transport: str, count: int, found: Sequence[Result]) -> str:
    """Means of the rounds, and percentiles of all their deliveries."""
    rate, relay_us, items_us = map(statistics.mean, zip(*(each[:3] for each in found), strict=True))
    cuts = statistics.quantiles((ms for each in found for ms in each.latencies_ms), n=100)
    figures = f"{rate:>9.0f} {cuts[49]:>8.1f} {cuts[98]:>8.1f} {relay_us:>9.0f} {items_us:>9.0f}"
    return f"{transport:<10} {count:>11} {figures}"


def measure(count: int, transport: str, stack: LocalStack, folder: Path) -> Result:
    with relay_to(count, transport, stack, folder) as (relay, logs):
        register_accounts(stack.users, _WARM_UP)
        wait_for_events(logs, _WARM_UP)
        relay.send(signal.SIGSTOP)
        register_accounts(stack.users, _BURST)
        servers = [Server("", psutil.Process(each.pid)) for each in (relay, stack.items)]
        before, resumed = [each.cpu_seconds() for each in servers], datetime.now(UTC)
        relay.send(signal.SIGCONT)
        wait_for_events(logs, _WARM_UP + _BURST)
        used = [each.cpu_seconds() - at for each, at in zip(servers, before, strict=True)]
        register_accounts(stack.users, _STEADY, per_second=_STEADY_PER_SECOND)
        wait_for_events(logs, _WARM_UP + _BURST + _STEADY)
        arrived = [arrivals(log) for log in logs]
    events = asyncio.run(stack.users.rows(_EVENTS))
    burst, steady = events[_WARM_UP:-_STEADY], events[-_STEADY:]
    ended = max(each[event] for each in arrived for event, _ in burst)
    latencies = (each[event] - written for each in arrived for event, written in steady)
    milliseconds = [1000 * each.total_seconds() for each in latencies]
    relay_us, items_us = (1e6 * seconds / _BURST for seconds in used)
    return Result(_BURST / (ended - resumed).total_seconds(), relay_us, items_us, milliseconds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
