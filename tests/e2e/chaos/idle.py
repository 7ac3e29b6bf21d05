"""Waits until no work is left in any service."""

import asyncio
import time

from service_testing.nats_server import NatsServer
from tests.e2e.chaos.parts import Queries, unfinished

_IDLE_WITHIN_SECONDS = 60.0


async def wait_until_idle(rows: Queries, nats: NatsServer | None = None) -> float:
    """The seconds until no work was left in the services and in the broker, if there is one."""
    start = time.monotonic()
    while left := [*await unfinished(rows), *await _pending(nats)]:
        assert time.monotonic() - start < _IDLE_WITHIN_SECONDS, f"still unfinished: {left}"
        await asyncio.sleep(0.2)
    return time.monotonic() - start


async def _pending(nats: NatsServer | None) -> list[str]:
    count = await nats.pending() if nats else 0
    return [f"{count} events in the broker"] if count else []
