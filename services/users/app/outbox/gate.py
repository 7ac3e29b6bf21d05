"""Whether it makes sense to call the sink now: one failure is an event's, many are the sink's."""

from datetime import datetime, timedelta
from enum import Enum

from chassis.db.columns import utc_now
from chassis.http.backoff import full_jitter

STREAMS_THAT_TELL = 3
"""So many users' deliveries that fail, with none between that succeeds, mean that the sink is away."""
_FIRST_PAUSE_SECONDS = 0.5


class State(Enum):
    OPEN = "open"
    PAUSED = "paused"
    PROBING = "probing"
    """The pause is over. One delivery shows whether the sink is back."""


class SinkGate:
    """Lets all deliveries through, none, or one.

    Without it each of a million users' streams would find out by itself that the sink is away.
    """

    def __init__(self, *, most_pause_seconds: float) -> None:
        self._most_pause_seconds = most_pause_seconds
        self._failed_user_ids: set[int] = set()
        self._opens_at: datetime | None = None
        self.pauses_in_a_row = 0

    @property
    def state(self) -> State:
        if self._opens_at is None:
            return State.OPEN
        return State.PAUSED if utc_now() < self._opens_at else State.PROBING

    @property
    def is_open(self) -> bool:
        return self._opens_at is None

    @property
    def pause_seconds(self) -> float:
        """How long it stays closed; 0 when it isn't."""
        if self._opens_at is None:
            return 0.0
        return max((self._opens_at - utc_now()).total_seconds(), 0.0)

    def answered(self) -> bool:
        """The sink took an event, or refused it: it is there. True: it wasn't before."""
        was_away = self._opens_at is not None
        self._failed_user_ids.clear()
        self._opens_at = None
        self.pauses_in_a_row = 0
        return was_away

    def failed(self, user_id: int, retry_after_seconds: float | None = None) -> bool:
        """A delivery failed. True: from now on there is a pause.

        A sink that says when to come back is left alone until then by every stream.
        """
        if self.state is State.PAUSED:  # one that was under way when the pause began
            return False
        self._failed_user_ids.add(user_id)
        is_known = self.state is State.PROBING or len(self._failed_user_ids) >= STREAMS_THAT_TELL
        if not is_known and retry_after_seconds is None:
            return False
        self.pauses_in_a_row += 1
        pause_seconds = full_jitter(
            self.pauses_in_a_row,
            first_seconds=_FIRST_PAUSE_SECONDS,
            most_seconds=self._most_pause_seconds,
        )
        pause_seconds = max(pause_seconds, retry_after_seconds or 0.0)
        self._opens_at = utc_now() + timedelta(seconds=pause_seconds)
        return True
