"""How many deliveries to one subscriber are under way at the same time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CapacityLimiter


class Slots:
    """As many as the settings allow, half as many after an answer that came too late, and slowly more again.

    A subscriber that can't answer so many in time has often taken the events, and would get them twice.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limiter = CapacityLimiter(most)
        self._answers_in_time = 0

    @property
    def count(self) -> int:
        return int(self._limiter.total_tokens)

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[int]:
        """Wait for a slot, and yield how many there are at its begin."""
        async with self._limiter:
            yield self.count

    def note(self, *, is_late: bool, count_at_begin: int) -> bool:
        """Note an answer. True: it halved the slots. Late ones from before that don't halve them again."""
        if not is_late:
            self._answers_in_time += 1
            if self._answers_in_time >= self.count < self._most:
                self._set(self.count + 1)
            return False
        if self.count == 1 or count_at_begin > self.count:
            return False
        self._set(self.count // 2)
        return True

    def _set(self, count: int) -> None:
        self._limiter.total_tokens = count
        self._answers_in_time = 0
