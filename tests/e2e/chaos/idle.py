"""Waits until no work is left in either service."""

import asyncio
import time

from tests.e2e.chaos.audit import unfinished
from tests.e2e.stack import Query

_IDLE_WITHIN_SECONDS = 120.0


async def wait_until_idle(users: Query, items: Query) -> float:
    """The seconds until no work was left."""
    start = time.monotonic()
    while left := await unfinished(users, items):
        assert time.monotonic() - start < _IDLE_WITHIN_SECONDS, f"still unfinished: {left}"
        await asyncio.sleep(0.2)
    return time.monotonic() - start
