"""What the user sees: the services' lines, each under its service's name."""

import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from queue import Full, Queue
from threading import Thread
from types import TracebackType
from typing import Self, TextIO

_COLOURS = {"users": 36, "items": 35}
_QUEUE_LINES = 1000
_PATIENCE_SECONDS = 1.0


class Log:
    """Writes lines to a stream as they come, from any thread.

    One thread writes, and the main thread never waits long for it: a reader that has stopped
    reading (a paused terminal) holds the services' output up, but not the end of the run.
    """

    def __init__(self, stream: TextIO, *, on_closed: Callable[[], None]) -> None:
        self._descriptor = stream.fileno()
        self._colour = stream.isatty() and not os.environ.get("NO_COLOR")
        self._on_closed = on_closed
        self._queue: Queue[bytes | None] = Queue(_QUEUE_LINES)
        self._writer = Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        self._writer.start()
        Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(Full):
            self._queue.put(None, timeout=_PATIENCE_SECONDS)
            self._writer.join(_PATIENCE_SECONDS)

    def line(self, service_name: str, line: bytes) -> None:
        """Write a service's line; waits while the stream's reader doesn't read."""
        self._queue.put(self._prefix(service_name) + line.rstrip(b"\n") + b"\n")

    def say(self, text: str) -> None:
        """Write the runner's own words, in one piece."""
        with suppress(Full):
            self._queue.put(text.encode(errors="surrogateescape"), timeout=_PATIENCE_SECONDS)

    def _prefix(self, service_name: str) -> bytes:
        prefix = f"{service_name} |"
        if self._colour:
            prefix = f"\033[{_COLOURS.get(service_name, 33)}m{prefix}\033[0m"
        return f"{prefix} ".encode()

    def _write(self) -> None:
        is_open = True
        while (data := self._queue.get()) is not None:
            try:
                while data and is_open:
                    data = data[os.write(self._descriptor, data) :]
            except OSError:
                is_open = False
                self._on_closed()

    def _watch(self) -> None:
        """Notice that the reader has gone (`make run | head`) also while there is nothing to write."""
        if sys.platform == "linux":
            poll = select.poll()
            poll.register(self._descriptor, 0)
            poll.poll()
            self._on_closed()
