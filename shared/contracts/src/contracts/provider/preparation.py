"""Sets up the states of an interaction within a time limit, even if a handler blocks.

A handler that waits is cancelled. A handler that blocks also blocks every time-out in the event loop,
so a signal interrupts it, in the main thread, where pytest runs the tests.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from pytest_timeout import is_debugging  # type: ignore[import-untyped]

from contracts.errors import ContractError
from contracts.pacts import Interaction
from contracts.provider.harness import Exchange
from contracts.provider.states import ProviderStates

# A multiple of the limit: a handler that only waits has been cancelled by then.
BLOCKS_AFTER = 1.2


class Blocked(BaseException):
    """Raised where a handler blocks. Not an `Exception`: handlers and apps catch those."""


@dataclass(frozen=True)
class Preparation:
    """Sets up one interaction after another with the provider's states."""

    states: ProviderStates
    late: dict[str, str]
    """What exceeded the limit, with the message: it is not tried again."""
    seconds: float
    """The limit for each state, and for the message."""

    async def exchange(self, interaction: Interaction) -> Exchange:
        """Raises `ContractError` if a state or the message exceeds the limit."""
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
            raise ContractError(self.late[what])
        limit = asyncio.timeout(self.seconds)
        with _interrupting_if_blocked(self.seconds * BLOCKS_AFTER) as interrupted:
            try:
                async with limit:
                    yield
            except (Exception, BaseExceptionGroup, Blocked):
                if not interrupted and not limit.expired():
                    raise
        if interrupted or limit.expired():
            # Otherwise the loop would wait at its end for a thread that can't be stopped.
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
            self.late[what] = self._message(what, interaction, is_blocked=bool(interrupted))
            raise ContractError(self.late[what]) from next(iter(interrupted), None)

    def _message(self, what: str, interaction: Interaction, *, is_blocked: bool) -> str:
        is_late = f"{what} of `{interaction}` is not ready after {self.seconds:g} s"
        method = f"its method in {type(self.states).__name__}"
        if is_blocked:
            return f"{is_late}: {method} blocks the event loop. Use `await` and an async client."
        return f"{is_late}: fix {method}."


@contextmanager
def _interrupting_if_blocked(seconds: float) -> Iterator[list[Blocked]]:
    """Raise `Blocked` in the task that runs after so many seconds, and list it.

    It can't interrupt C code that doesn't return to Python for a signal.
    """
    interrupted: list[Blocked] = []

    def interrupt(*_: object) -> None:
        # Without a task the loop only waits, and its own time-outs work.
        if asyncio.current_task() and not is_debugging():
            interrupted.append(Blocked())
            raise interrupted[-1]

    handler, started = signal.signal(signal.SIGALRM, interrupt), time.monotonic()
    # Repeatedly: the first may be caught, or arrive while the loop waits.
    rest, interval = signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield interrupted
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if rest:  # pytest-timeout's, for the whole test
            left = rest - (time.monotonic() - started)
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.001), interval)
