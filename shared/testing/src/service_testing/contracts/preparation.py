"""Brings about what an interaction begins from, within a limit that holds whether it waits or blocks.

What waits is cancelled. What blocks keeps the event loop, with every limit that runs there: a signal
interrupts it, in the main thread, where pytest runs the tests.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from pytest_timeout import is_debugging  # type: ignore[import-untyped]

from service_testing.contracts.catalogue import ContractError
from service_testing.contracts.harness import Exchange
from service_testing.contracts.pact_files import Interaction
from service_testing.contracts.states import ProviderStates

# Of the limit: by then whatever only waits was cancelled.
_BLOCKS_AFTER = 1.2


class Blocked(BaseException):
    """Raised where something blocks. Not an `Exception`: handlers and apps catch those."""


@dataclass(frozen=True)
class Preparation:
    """Of one interaction after the other, by the provider's states."""

    states: ProviderStates
    late: dict[str, str]
    """What wasn't there in time, and how that was told: nobody waits for it again."""
    seconds: float
    """The limit for each state, and for the message."""

    async def exchange(self, interaction: Interaction) -> Exchange:
        """Raises `ContractError` when a state or the message isn't there in time."""
        exchange = Exchange()
        secrets: dict[str, str] = {}
        for each in interaction.states:
            async with self._in_time(f"the state `{each.name}`", interaction):
                secrets.update(await self.states.set_up(each))
        exchange.secrets = secrets
        if interaction.is_message:
            async with self._in_time(f"the message `{interaction.description}`", interaction):
                exchange.message = await self.states.produce(interaction.description)
        return exchange

    @asynccontextmanager
    async def _in_time(self, what: str, interaction: Interaction) -> AsyncIterator[None]:
        if what in self.late:
            raise ContractError(f"{self.late[what]} It isn't tried again for `{interaction}`.")
        limit = asyncio.timeout(self.seconds)
        with _interrupting_what_blocks(self.seconds * _BLOCKS_AFTER) as interrupted:
            try:
                async with limit:
                    yield
            except (Exception, BaseExceptionGroup, Blocked):
                if not interrupted and not limit.expired():
                    raise
        if interrupted or limit.expired():
            # Else the loop would wait at its end for a thread that still runs, and can't be ended.
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
            self.late[what] = self._told(what, interaction, is_blocked=bool(interrupted))
            raise ContractError(self.late[what]) from next(iter(interrupted), None)

    def _told(self, what: str, interaction: Interaction, *, is_blocked: bool) -> str:
        is_late = f"{what} of `{interaction}` isn't there after {self.seconds:g} s"
        method = f"its method in {type(self.states).__name__}"
        if is_blocked:
            return f"{is_late}: {method} blocks the event loop. Let it await what it waits for."
        return f"{is_late}: mend {method}."


@contextmanager
def _interrupting_what_blocks(seconds: float) -> Iterator[list[Blocked]]:
    """Raise `Blocked` in the task that runs after so many seconds, and list it.

    What is blocked in C, and doesn't return to Python for a signal, is beyond this.
    """
    interrupted: list[Blocked] = []

    def interrupt(*_: object) -> None:
        # Without a task the loop only waits: its own limits work.
        if asyncio.current_task() and not is_debugging():
            interrupted.append(Blocked())
            raise interrupted[-1]

    handler, started = signal.signal(signal.SIGALRM, interrupt), time.monotonic()
    # Again and again: the first may be caught, or come while the loop waits.
    rest, interval = signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield interrupted
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if rest:  # pytest-timeout's, for the whole test
            left = rest - (time.monotonic() - started)
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.001), interval)
