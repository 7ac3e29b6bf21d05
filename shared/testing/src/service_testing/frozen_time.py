"""Time that passes only when a test moves it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from time_machine import Traveller, travel


class FrozenTime:
    """The clock that Python code reads: `datetime.now()`, `time.time()`, `time.monotonic()`.

    All of them return the time of day, even the monotonic one: don't compare it with an earlier value.

    The event loop, the database, other processes, code in C or Rust and a monotonic clock that was passed on before
    aren't frozen (README). Use faults that don't wait (`service_testing.faults`).
    """

    def __init__(self, clock: Traveller) -> None:
        self._clock = clock

    @property
    def now(self) -> datetime:
        """The frozen moment, in UTC."""
        return datetime.now(UTC)

    def tick(
        self, seconds: float = 0, *, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> None:
        """Let this much time pass."""
        self._clock.shift(timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days))

    def move_to(self, moment: datetime) -> None:
        """Set the clock, also to a moment in the past.

        Raises:
            ValueError: the moment has no time zone.
        """
        if moment.tzinfo is None:
            raise ValueError("a moment needs a time zone, such as datetime.UTC")
        # `Traveller.move_to` would set the time zone of the process, too.
        self._clock.shift(moment - self.now)


def _real_loop_time(
    self: asyncio.BaseEventLoop, *, monotonic: Callable[[], float] = time.monotonic
) -> float:
    return monotonic()


# Event loops keep their real clock, or no time-out would ever pass. It is set permanently, because a loop in another
# thread (`live_server`) could read the frozen clock just before, and then sleep for years.
asyncio.BaseEventLoop.time = _real_loop_time  # type: ignore[method-assign]


@contextmanager
def frozen() -> Iterator[FrozenTime]:
    """Stop the clock where it is, until the end of the block."""
    # time-machine leaves the monotonic clock alone.
    with travel(timedelta(), tick=False) as clock, patch.object(time, "monotonic", time.time):
        yield FrozenTime(clock)
