"""Waits until everything has come to rest."""

import asyncio
import time

from audit import unfinished
from stack import Query

_QUIET_SECONDS = 120.0


async def wait_for_quiet(users: Query, items: Query) -> float:
    """Seconds until nothing is under way any more."""
    start = time.monotonic()
    while left := await unfinished(users, items):
        assert time.monotonic() - start < _QUIET_SECONDS, f"no end of {left}"
        await asyncio.sleep(0.2)
    return time.monotonic() - start
