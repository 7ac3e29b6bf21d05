"""Whether to call a subscriber now. One failure may be due to an event, many are due to the subscriber."""

import time
from enum import Enum

from chassis.http.backoff import full_jitter

STREAMS_THAT_TELL = 3
"""Failures of this many streams, without a success in between, mean that the subscriber is unavailable."""
_FIRST_PAUSE_SECONDS = 0.5


class State(Enum):
    OPEN = "open"
    PAUSED = "paused"
    PROBING = "probing"
    """The pause is over. One delivery shows whether the subscriber is available again."""


class SubscriberGate:
    """Lets all deliveries through, none, or one.

    Without it, each of a million streams would call an unavailable subscriber.
    """

    def __init__(self, *, most_pause_seconds: float) -> None:
        self._most_pause_seconds = most_pause_seconds
        self._failed_ids: set[int] = set()
        self._opens_at: float | None = None
        self.pauses_in_a_row = 0

    @property
    def state(self) -> State:
        if self._opens_at is None:
            return State.OPEN
        return State.PAUSED if time.monotonic() < self._opens_at else State.PROBING

    @property
    def is_open(self) -> bool:
        return self._opens_at is None

    @property
    def pause_seconds(self) -> float:
        """How long it stays closed; 0 when it isn't closed."""
        if self._opens_at is None:
            return 0.0
        return max(self._opens_at - time.monotonic(), 0.0)

    def answered(self) -> bool:
        """The subscriber took or refused an event, so it is available. True: it wasn't before."""
        was_closed = self._opens_at is not None
        self._failed_ids.clear()
        self._opens_at = None
        self.pauses_in_a_row = 0
        return was_closed

    def failed(
        self,
        aggregate_id: int,
        retry_after_seconds: float | None = None,
        *,
        is_due_to_relay: bool = False,
    ) -> bool:
        """A delivery failed. True: a pause begins.

        When a subscriber asks for a pause (`Retry-After`), no stream calls it before the pause ends. When
        the failure is due to this relay, each other delivery would fail, too.
        """
        if self.state is State.PAUSED:  # the delivery began before the pause
            return False
        self._failed_ids.add(aggregate_id)
        is_known = self.state is State.PROBING or len(self._failed_ids) >= STREAMS_THAT_TELL
        if not (is_known or is_due_to_relay) and retry_after_seconds is None:
            return False
        self.pauses_in_a_row += 1
        pause_seconds = full_jitter(
            self.pauses_in_a_row,
            first_seconds=_FIRST_PAUSE_SECONDS,
            most_seconds=self._most_pause_seconds,
        )
        pause_seconds = max(pause_seconds, retry_after_seconds or 0.0)
        self._opens_at = time.monotonic() + pause_seconds
        return True
