"""What a run waits for: the end of a process, and the wish to stop."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType

from runner.errors import Stopped
from runner.process import Process

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Python may miss the wake-up of a signal that comes just as a wait begins, so no wait is long.
_WAIT_SECONDS = 0.1


class Events:
    """A queue that threads and signal handlers fill and the main thread empties.

    Signals come through it too, so that none can strike between a process's start and its being
    noted down.
    """

    def __init__(self) -> None:
        # SimpleQueue, because a signal handler may interrupt a `put` to `put`.
        self._queue: SimpleQueue[Process | Stopped] = SimpleQueue()

    def stop(self, by: signal.Signals | None = None) -> None:
        """Ask the run to end."""
        self._queue.put(Stopped(by))

    def ended(self, process: Process) -> None:
        """Tell that a process has ended."""
        self._queue.put(process)

    def next_ended(self) -> Process | None:
        """The next process that has ended, or None when none does within a moment.

        Raises:
            Stopped: the run was asked to end.
        """
        try:
            event = self._queue.get(timeout=_WAIT_SECONDS)
        except Empty:
            return None
        if isinstance(event, Stopped):
            raise event
        return event

    @contextmanager
    def from_signals(self) -> Iterator[None]:
        """Turn the signals that ask a process to end into events."""

        def handle(number: int, _: FrameType | None) -> None:
            self.stop(signal.Signals(number))

        previous = {number: signal.getsignal(number) for number in _SIGNALS}
        for number in _SIGNALS:
            # nohup ignores SIGHUP on its command's behalf.
            if number != signal.SIGHUP or previous[number] != signal.SIG_IGN:
                signal.signal(number, handle)
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
