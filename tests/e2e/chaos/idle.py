"""Waits until no work is left in any service."""

import asyncio
import time

from tests.e2e.chaos.ledger import Ledger
from tests.e2e.chaos.parts import Queries, unfinished

_IDLE_WITHIN_SECONDS = 60.0


async def wait_until_idle(rows: Queries, ledger: Ledger) -> float:
    """The seconds until no work was left in the services, and no event was on its way."""
    start = time.monotonic()
    while left := await unfinished(rows, ledger):
        assert time.monotonic() - start < _IDLE_WITHIN_SECONDS, f"still unfinished: {left}"
        await asyncio.sleep(0.2)
    return time.monotonic() - start
