"""A budget for retries: they are at most a share of the calls, however many callers there are."""


class RetryBudget:
    """A bucket that each call puts a part of a token into, and each retry takes a whole one from.

    So of `n` calls at most `reserve + share * n` are retried (Google, Site Reliability
    Engineering, chapter 21: attempts without a budget multiply the load of an overloaded service).
    """

    def __init__(self, *, share: float = 0.2, reserve: int = 10) -> None:
        self._share = share
        self._reserve = reserve
        self._tokens = float(reserve)

    def record_call(self) -> None:
        self._tokens = min(self._reserve, self._tokens + self._share)

    def take(self) -> bool:
        """Whether one more retry may be made; if so, it is paid for."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
