"""A circuit breaker: stops calling a service that keeps failing, and probes it with one call.

    closed ── enough of the last calls failed ──> open ── some seconds ──> half-open
      ^                                            ^                           │
      └──────────── the probe succeeded ───────────┼───────────────────────────┤
                                                   └──── the probe failed ─────┘

The libraries for this let every waiting call through when half-open (ADR 0021).
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Literal

State = Literal["closed", "half_open", "open"]

_REMEMBERED_CALLS = 20
_FAILING_SHARE = 0.5


class CircuitOpen(Exception):
    """No attempt is made. `CircuitBreaker.retry_after_seconds` is the time to the next."""


@dataclass(frozen=True, kw_only=True)
class BreakerPolicy:
    """Opens when half of the recent calls failed, and at least `failures` of them."""

    failures: int = 5
    recent_seconds: float = 30.0
    open_seconds: float = 5.0


class CircuitBreaker:
    """Counts the results of attempts, in one event loop of one process."""

    def __init__(self, policy: BreakerPolicy | None = None) -> None:
        self._policy = policy or BreakerPolicy()
        self._outcomes: deque[tuple[float, bool]] = deque(maxlen=_REMEMBERED_CALLS)
        self._opened_at: float | None = None
        self._is_probing = False
        self._era = 0

    @property
    def state(self) -> State:
        if self._opened_at is None:
            return "closed"
        return "open" if self._open_seconds_left() > 0 else "half_open"

    @property
    def admits(self) -> bool:
        """Whether an attempt could be made now."""
        return self.state == "closed" or (self.state == "half_open" and not self._is_probing)

    @property
    def retry_after_seconds(self) -> int:
        """When it is worth trying again; at least 1."""
        return max(1, ceil(self._open_seconds_left()))

    @contextmanager
    def attempt(self, is_failure: Callable[[BaseException], bool]) -> Iterator[None]:
        """Make one attempt in the block, whose exceptions pass.

        An exception is a failure when `is_failure` returns True; any other `Exception` is a success, because
        the service responded. A call whose caller goes away counts as neither.

        Raises:
            CircuitOpen: the block isn't entered.
        """
        if not self.admits:
            raise CircuitOpen("the circuit is open")
        era = self._era
        self._is_probing = self.state == "half_open"
        has_failed: bool | None = False
        try:
            yield
        except BaseException as error:
            has_failed = is_failure(error) or (False if isinstance(error, Exception) else None)
            raise
        finally:
            if era == self._era:  # else the state has changed since this call began
                self._is_probing = False
                if has_failed is not None:
                    self._record(has_failed)

    def _record(self, has_failed: bool) -> None:
        if self._opened_at is not None:
            self._change(opened_at=time.monotonic() if has_failed else None)
            return
        now = time.monotonic()
        self._outcomes.append((now, has_failed))
        recent = [
            failed for at, failed in self._outcomes if now - at <= self._policy.recent_seconds
        ]
        failures = sum(recent)
        if failures >= self._policy.failures and failures >= _FAILING_SHARE * len(recent):
            self._change(opened_at=now)

    def _change(self, *, opened_at: float | None) -> None:
        self._opened_at = opened_at
        self._outcomes.clear()
        self._is_probing = False
        self._era += 1

    def _open_seconds_left(self) -> float:
        if self._opened_at is None:
            return 0.0
        return self._opened_at + self._policy.open_seconds - time.monotonic()
