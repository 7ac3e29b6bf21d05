"""Time that passes only when a test moves it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, SupportsIndex

from freezegun import api as freezegun_api
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory, StepTickTimeFactory, TickingDateTimeFactory

_Clock = FrozenDateTimeFactory | StepTickTimeFactory | TickingDateTimeFactory


class _Remembering(list[Any]):
    """A stack whose last element can be read after it was popped."""

    def pop(self, _: SupportsIndex = -1, /) -> Any:
        self._last = super().pop()
        return self._last

    def __getitem__(self, index: Any) -> Any:
        try:
            return super().__getitem__(index)
        except IndexError:
            return self._last


# freezegun pops the frozen moment before it restores the clocks. A server in another thread that reads a clock in
# between would fail with an IndexError.
for _stack in ("freeze_factories", "ignore_lists", "tick_flags", "tz_offsets"):
    setattr(freezegun_api, _stack, _Remembering(getattr(freezegun_api, _stack)))


class FrozenTime:
    """The clock that Python code reads: `datetime.now()`, `time.time()`, `time.monotonic()`.

    All of them return the time of day, even the monotonic one: don't compare it with an earlier value.

    The event loop, the database, other processes, code in C or Rust and a clock that was passed on before aren't
    frozen (README). Use faults that don't wait (`service_testing.faults`).
    """

    def __init__(self, clock: _Clock) -> None:
        self._clock = clock

    @property
    def now(self) -> datetime:
        """The frozen moment, in UTC."""
        return datetime.now(UTC)

    def tick(
        self, seconds: float = 0, *, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> None:
        """Let this much time pass."""
        self._clock.tick(timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days))

    def move_to(self, moment: datetime) -> None:
        """Set the clock, also to a moment in the past.

        Raises:
            ValueError: the moment has no time zone.
        """
        if moment.tzinfo is None:
            raise ValueError("a moment needs a time zone, such as datetime.UTC")
        self._clock.move_to(moment)


def _real_loop_time(
    self: asyncio.BaseEventLoop, *, monotonic: Callable[[], float] = time.monotonic
) -> float:
    # freezegun doesn't replace default arguments.
    return monotonic()


# Event loops keep their real clock, or no time-out would ever pass. freezegun does the same with `real_asyncio`, but
# only while time is frozen: a loop in another thread (`live_server`) could read the frozen clock just before, and then
# sleep for years. So it is set permanently.
asyncio.BaseEventLoop.time = _real_loop_time  # type: ignore[method-assign]


@contextmanager
def frozen() -> Iterator[FrozenTime]:
    """Stop the clock where it is, until the end of the block."""
    # pytest measures the duration of the test.
    frozen_clock = freeze_time(datetime.now(UTC), real_asyncio=True, ignore=["_pytest.timing"])
    with frozen_clock as clock:
        yield FrozenTime(clock)
