"""Calls to a service that may be slow or unavailable: bounded in time and number (ADR 0021).

limit on concurrency  ─>  deadline  ─>  few attempts, within a budget  ─>  circuit breaker  ─>  call
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import ceil
from typing import TypeVar

import stamina

from chassis.http.circuit_breaker import BreakerPolicy, CircuitBreaker, CircuitOpen

_LONGEST_RETRY_AFTER_SECONDS = 60.0

T = TypeVar("T")


class CallFailed(Exception):
    """A call failed, and the next attempt may succeed."""

    def __init__(self, reason: str, *, retry_after_seconds: float | None = None) -> None:
        """`retry_after_seconds` is what the service asked for, if it did."""
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class CallGivenUp(Exception):
    """There is no answer. The message is the reason."""

    def __init__(self, reason: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, kw_only=True)
class CallPolicy:
    deadline_seconds: float = 2.0
    """For all attempts together, and the waits between them."""
    attempts: int = 3
    max_concurrent: int = 20
    """Further calls fail immediately."""
    retry_share: float = 0.2
    retry_reserve: int = 10
    """Retries that may be made beyond the share."""
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)


class RetryBudget:
    """Of `n` calls at most `reserve + share * n` are retried, however many callers there are.

    Each call adds a part of a token, and each retry takes a whole one. Attempts without a budget multiply the load
    of an overloaded service (Google, Site Reliability Engineering, chapter 21).
    """

    def __init__(self, *, share: float, reserve: int) -> None:
        self._share = share
        self._reserve = reserve
        self._tokens = float(reserve)

    def record_call(self) -> None:
        self._tokens = min(self._reserve, self._tokens + self._share)

    def take(self) -> bool:
        """Pay for one retry, if the budget has a token."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class GuardedCalls:
    """The calls of one kind to one service. Failures of one kind don't stop another."""

    def __init__(self, policy: CallPolicy) -> None:
        self.breaker = CircuitBreaker(policy.breaker)
        self._policy = policy
        self._budget = RetryBudget(share=policy.retry_share, reserve=policy.retry_reserve)
        self._running = 0

    async def call(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` returns; it raises `CallFailed` if the next attempt may succeed.

        Raises:
            CallGivenUp: no answer within the deadline, the attempts or the budget; or, at once, no call was made.
        """
        if self._running >= self._policy.max_concurrent:
            raise CallGivenUp("too many calls at once")
        self._running += 1
        try:
            async with asyncio.timeout(self._policy.deadline_seconds) as deadline:
                return await self._attempt(ask, deadline)
        except TimeoutError:
            reason, retry_after = "no answer before the deadline", 1
        except CircuitOpen as error:
            reason, retry_after = str(error), 1
        except CallFailed as error:
            # A service that asks for days by mistake must not be unavailable for days.
            asked_seconds = min(error.retry_after_seconds or 1.0, _LONGEST_RETRY_AFTER_SECONDS)
            reason, retry_after = str(error), ceil(asked_seconds)
        finally:
            self._running -= 1
        raise CallGivenUp(
            reason, retry_after_seconds=max(retry_after, self.breaker.retry_after_seconds)
        )

    async def _attempt(self, ask: Callable[[], Awaitable[T]], deadline: asyncio.Timeout) -> T:
        retries_left = self._policy.attempts - 1

        def is_failure(error: BaseException) -> bool:
            return isinstance(error, CallFailed) or deadline.expired()

        def retry(error: Exception) -> bool | float:
            """Whether to try again, or after how many seconds."""
            nonlocal retries_left
            if not isinstance(error, CallFailed) or not retries_left or not self.breaker.admits:
                return False
            wait_seconds = error.retry_after_seconds
            seconds_left = (deadline.when() or 0.0) - asyncio.get_running_loop().time()
            if wait_seconds is not None and wait_seconds >= seconds_left:
                return False
            retries_left -= 1
            if not self._budget.take():  # last: a call that isn't retried must not use the budget
                return False
            return True if wait_seconds is None else wait_seconds

        self._budget.record_call()
        async for attempt in stamina.retry_context(
            on=retry,
            attempts=self._policy.attempts,
            timeout=None,
            wait_initial=0.05,
            wait_max=0.5,
            wait_jitter=0.1,
        ):
            with attempt, self.breaker.attempt(is_failure):
                return await ask()
        raise AssertionError("stamina raises what the last attempt raised")
