"""Writers and readers, and the outcome of their requests."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.e2e.chaos.ledger import Ledger
from tests.e2e.chaos.parts import parts
from tests.e2e.chaos.writers import Writer
from tests.e2e.faults.catalogue import READ
from tests.e2e.faults.readers import Reader, Reads
from tests.e2e.stack import Stack

_WRITERS = 4
_READERS = 2
_WITHOUT_FAILURE_SECONDS = 2.0
_WAIT_SECONDS = 90.0
# More than the proxy's own limits, to see whether it respects them.
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

    async def until_started(self) -> None:
        """Wait until something was written and read, and nothing fails."""
        async with asyncio.timeout(_WAIT_SECONDS):
            while len(self.ledger.known[READ]) < _WRITERS or self.reads.sent < _WRITERS:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        # On a busy machine the first requests may take too long. Failures count from here on.
        await self.until_no_failures(since=time.monotonic())
        for failures in (self.ledger.failed_at, self.reads.failed_at, self.reads.failures):
            failures.clear()

    async def until_no_failures(self, since: float) -> float:
        """Wait until there has been no failure for a while; the seconds from `since` to the last one."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            last = max([since, *self.failed_at])
            if time.monotonic() - last > _WITHOUT_FAILURE_SECONDS:
                return last - since
            assert time.monotonic() < deadline, f"still failing: {self.ledger.outcomes}"
            await asyncio.sleep(0.1)


@asynccontextmanager
async def under_load(stack: Stack, paths: Sequence[str], seed: str) -> AsyncIterator[Load]:
    """Send requests during the block; at its end all have been answered."""
    load, end = Load(), asyncio.Event()
    operations = dict(each for part in parts().values() for each in part.OPERATIONS)
    url = getattr(stack, READ).url
    clients = [
        *(
            Writer(stack, load.ledger, f"{seed} {n}", operations, _TIMEOUT_SECONDS).write_until(end)
            for n in range(_WRITERS)
        ),
        *(
            Reader(url, paths, load.reads, _TIMEOUT_SECONDS).read_until(end)
            for _ in range(_READERS)
        ),
    ]
    tasks = [asyncio.create_task(each) for each in clients]
    try:
        yield load
    finally:
        end.set()
        await asyncio.gather(*tasks)
