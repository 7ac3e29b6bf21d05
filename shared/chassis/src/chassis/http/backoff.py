"""How long to wait after a failure: exponentially longer, with jitter."""

import random


def full_jitter(failures: int, *, first_seconds: float, most_seconds: float) -> float:
    """A time between 0 and `first_seconds` x 2^(failures - 1), which never exceeds `most_seconds`.

    `failures` in a row, from 1 on. The whole time is random, so that callers who failed together
    don't retry together (M. Brooker, Exponential Backoff And Jitter, AWS 2015).
    """
    # Beyond 2^32 it is the upper bound anyway, and a float would overflow.
    longest = min(most_seconds, first_seconds * 2 ** min(failures - 1, 32))
    return random.uniform(0, longest)  # noqa: S311 - it needn't be unpredictable
