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
_PATIENCE_SECONDS = 90.0
# More than the proxy's own limits: whether it keeps them is to be seen.
_TIMEOUT_SECONDS = 30.0


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

    async def is_under_way(self) -> None:
        """Come back once people have items and look at them, and nothing fails."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while len(self.ledger.items) < _WRITERS or self.reads.sent < _WRITERS:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        # On a machine that does much else the first requests may take too long. What fails from here on counts.
        await self.calm(since=time.monotonic())
        for failures in (self.ledger.failed_at, self.reads.failed_at, self.reads.failures):
            failures.clear()

    async def calm(self, since: float) -> float:
        """Seconds from then to the last failure; comes back once there has been none for a while."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
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
        *(
            Writer(stack, load.ledger, f"{seed} {n}", _TIMEOUT_SECONDS).write_until(end)
            for n in range(_WRITERS)
        ),
        *(
            Reader(stack, item, load.reads, _TIMEOUT_SECONDS).read_until(end)
            for _ in range(_READERS)
        ),
    ]
    tasks = [asyncio.create_task(each) for each in people]
    try:
        yield load
    finally:
        end.set()
        await asyncio.gather(*tasks)
