"""Writers and readers at work, and what came of it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ledger import Ledger
from readers import Reader, Reads
from stack import Stack
from writers import Writer

_WRITERS = 4
_READERS = 2
_CALM_SECONDS = 2.0
_CALM_WITHIN_SECONDS = 90.0
_FAILURES = ("503", "no answer")


@dataclass
class Load:
    ledger: Ledger = field(default_factory=Ledger)
    reads: Reads = field(default_factory=Reads)

    @property
    def sent(self) -> int:
        return sum(self.ledger.outcomes.values()) + self.reads.sent

    @property
    def failed_at(self) -> list[float]:
        return sorted(self.ledger.failed_at + self.reads.failed_at)

    async def calm(self, since: float) -> float:
        """Seconds from then to the last failure; comes back once there has been none for a while."""
        deadline = time.monotonic() + _CALM_WITHIN_SECONDS
        while True:
            last = max([since, *self.failed_at])
            if time.monotonic() - last > _CALM_SECONDS:
                return last - since
            assert time.monotonic() < deadline, f"still failing: {self.ledger.outcomes}"
            await asyncio.sleep(0.1)


@asynccontextmanager
async def under_load(stack: Stack, item: str, seed: str) -> AsyncIterator[Load]:
    """Requests all the while; at the end of the block the last ones have been answered."""
    load, end = Load(), asyncio.Event()
    people = [
        *(Writer(stack, load.ledger, f"{seed} {n}").write_until(end) for n in range(_WRITERS)),
        *(Reader(stack, item, load.reads).read_until(end) for _ in range(_READERS)),
    ]
    tasks = [asyncio.create_task(each) for each in people]
    try:
        yield load
    finally:
        end.set()
        await asyncio.gather(*tasks)
