"""Time that passes when a test says so."""

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
    """A stack whose last element can still be read after it was taken off."""

    def pop(self, _: SupportsIndex = -1, /) -> Any:
        self._last = super().pop()
        return self._last

    def __getitem__(self, index: Any) -> Any:
        try:
            return super().__getitem__(index)
        except IndexError:
            return self._last


# At the end freezegun forgets the frozen moment first and takes its clocks back last. A server in another thread that
# read one in between met an IndexError, and died of it.
for _stack in ("freeze_factories", "ignore_lists", "tick_flags", "tz_offsets"):
    setattr(freezegun_api, _stack, _Remembering(getattr(freezegun_api, _stack)))


class FrozenTime:
    """The clock that Python code reads: `datetime.now()`, `time.time()`, `time.monotonic()`.

    All of them show the time of day, the monotonic one too: don't compare it with one from before.

    Not frozen, because each reads another clock:

    - the event loop: `asyncio.sleep`, time-outs and deadlines take their real time. Use faults
      that don't wait (`service_testing.faults`).
    - the database: `now()`, `CURRENT_TIMESTAMP` and server defaults.
    - other processes: commands and services that a test starts.
    - code in C or Rust that asks the system itself.
    - a clock that was handed over before, such as a default argument `clock=time.monotonic`: give
      such a class a clock of the test's own.
    """

    def __init__(self, clock: _Clock) -> None:
        self._clock = clock

    @property
    def now(self) -> datetime:
        """In UTC, as the services' own times are."""
        return datetime.now(UTC)

    def tick(
        self, seconds: float = 0, *, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> None:
        """Let this much time pass."""
        self._clock.tick(timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days))

    def move_to(self, moment: datetime) -> None:
        """Go to a moment, also one in the past.

        Raises:
            ValueError: the moment has no time zone.
        """
        if moment.tzinfo is None:
            raise ValueError("a moment needs a time zone, such as datetime.UTC")
        self._clock.move_to(moment)


def _real_loop_time(
    self: asyncio.BaseEventLoop, *, monotonic: Callable[[], float] = time.monotonic
) -> float:
    # A default argument is what freezegun doesn't find.
    return monotonic()


# Event loops keep their real clock: otherwise no time-out of a test would ever pass. freezegun sees to that when it
# freezes, and last. A loop in another thread, as `live_server` has, may just be about to read the clock then: it would
# put a sleep off until its monotonic clock, which counts from the machine's start, shows this year. So it is for good.
asyncio.BaseEventLoop.time = _real_loop_time  # type: ignore[method-assign]


@contextmanager
def frozen() -> Iterator[FrozenTime]:
    """Stop the clock where it is, until the end of the block."""
    # pytest's stopwatch goes on, or the test that took the fixture would have lasted since 1970.
    frozen_clock = freeze_time(datetime.now(UTC), real_asyncio=True, ignore=["_pytest.timing"])
    with frozen_clock as clock:
        yield FrozenTime(clock)
