"""Calls to a neighbour that may be slow or away: they end in time, and never become a storm (ADR 0021).

limit on concurrency  ─>  deadline  ─>  few attempts, within a budget  ─>  circuit breaker  ─>  call
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import ceil
from typing import TypeVar

import stamina

from chassis.http.circuit_breaker import BreakerPolicy, CircuitBreaker, CircuitOpen
from chassis.http.retry_budget import RetryBudget

_LONGEST_RETRY_AFTER_SECONDS = 60.0

T = TypeVar("T")


class CallFailed(Exception):
    """What a guarded call raises for a failure that the next attempt may not meet."""

    def __init__(self, reason: str, *, retry_after_seconds: float | None = None) -> None:
        """`retry_after_seconds` is what the neighbour asked for, if it did."""
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class CallGivenUp(Exception):
    """There is no answer, and it isn't worth waiting for one. The text says why."""

    def __init__(self, reason: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, kw_only=True)
class CallPolicy:
    deadline_seconds: float = 2.0
    """For all attempts together, and the waits between them."""
    attempts: int = 3
    max_concurrent: int = 20
    """More at once aren't made, and don't wait either."""
    retry_share: float = 0.2
    retry_reserve: int = 10
    """Retries that may be made beyond the share."""
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)


class GuardedCalls:
    """The calls of one kind to one neighbour. What fails in one kind doesn't stop another."""

    def __init__(self, policy: CallPolicy) -> None:
        self.breaker = CircuitBreaker(policy.breaker)
        self._policy = policy
        self._budget = RetryBudget(share=policy.retry_share, reserve=policy.retry_reserve)
        self._running = 0

    async def call(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` returns; it raises `CallFailed` for what may pass.

        Raises:
            CallGivenUp: no answer within the deadline, the attempts or the budget; or the
                neighbour wasn't asked at all, which is known at once.
        """
        if self._running >= self._policy.max_concurrent:
            raise CallGivenUp("too many calls at once")
        self._running += 1
        try:
            async with asyncio.timeout(self._policy.deadline_seconds) as deadline:
                return await self._attempt(ask, deadline)
        except TimeoutError:
            reason, retry_after = "no answer before the deadline", 1
        except CallFailed as error:
            reason, retry_after = str(error), _bounded(error.retry_after_seconds)
        except CircuitOpen as error:
            reason, retry_after = str(error), error.retry_after_seconds
        finally:
            self._running -= 1
        raise CallGivenUp(
            reason, retry_after_seconds=max(retry_after, self.breaker.retry_after_seconds)
        )

    async def _attempt(self, ask: Callable[[], Awaitable[T]], deadline: asyncio.Timeout) -> T:
        def is_failure(error: BaseException) -> bool:
            return isinstance(error, CallFailed) or deadline.expired()

        self._budget.record_call()
        async for attempt in stamina.retry_context(
            on=_Retries(self._policy, self._budget, self.breaker, deadline),
            attempts=self._policy.attempts,
            timeout=None,
            wait_initial=0.05,
            wait_max=0.5,
            wait_jitter=0.1,
        ):
            with attempt, self.breaker.attempt(is_failure):
                return await ask()
        raise AssertionError("stamina raises what the last attempt raised")


def _bounded(retry_after_seconds: float | None) -> int:
    # A neighbour's mistake must not send people away for days.
    return ceil(min(retry_after_seconds or 1.0, _LONGEST_RETRY_AFTER_SECONDS))


class _Retries:
    """Decides, for one call, after each failure."""

    def __init__(
        self,
        policy: CallPolicy,
        budget: RetryBudget,
        breaker: CircuitBreaker,
        deadline: asyncio.Timeout,
    ) -> None:
        self._left = policy.attempts - 1
        self._budget = budget
        self._breaker = breaker
        self._deadline = deadline

    def __call__(self, error: Exception) -> bool | float:
        """Whether to try again, or after how many seconds."""
        if not isinstance(error, CallFailed) or self._left == 0 or not self._breaker.admits:
            return False
        wait = error.retry_after_seconds
        if wait is not None and wait >= self._seconds_left():
            return False
        self._left -= 1
        if not self._budget.take():  # last: what isn't retried mustn't cost a token
            return False
        return True if wait is None else wait

    def _seconds_left(self) -> float:
        return (self._deadline.when() or 0.0) - asyncio.get_running_loop().time()
