"""One process of a service."""

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread

from runner.log import Log
from runner.services import Service

_LAUNCHER = Path(__file__).with_name("launch.py")
_LAST_LINES = 15
_DRAIN_SECONDS = 1.0


class Process:
    """A running `python -m app <command>` whose lines go to the log.

    It leads a session of its own: a terminal's Ctrl-C reaches the runner only, which then decides.
    """

    def __init__(
        self, service: Service, command: str, *, log: Log, on_end: Callable[["Process"], None]
    ) -> None:
        self.service = service
        self.command = command
        self._last_lines: deque[bytes] = deque(maxlen=_LAST_LINES)
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid())]
        self._popen = subprocess.Popen(
            [*launcher, sys.executable, "-m", "app", command],
            cwd=service.folder,
            env=service.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = Thread(target=self._read, args=(log,), daemon=True)
        self._reader.start()
        Thread(target=self._wait, args=(on_end,), daemon=True).start()

    @property
    def succeeded(self) -> bool:
        return self._popen.returncode == 0

    def terminate(self) -> None:
        """Ask it to end."""
        self._popen.terminate()

    def kill(self) -> None:
        """End it and all that it started, at once."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def obituary(self) -> str:
        """How it ended, and its last lines."""
        lines = b"".join(b"    " + line for line in self._last_lines).decode(errors="replace")
        said = f"; its last lines:\n{lines.rstrip()}" if lines else " without a word."
        return f"{self.service.name} ({self.command}) {_how_it_ended(self._popen.returncode)}{said}"

    def _read(self, log: Log) -> None:
        for line in self._popen.stdout or ():
            self._last_lines.append(line)
            log.line(self.service.name, line)

    def _wait(self, on_end: Callable[["Process"], None]) -> None:
        self._popen.wait()
        # What it started and left behind would keep the pipe open, and outlive the run.
        self.kill()
        self._reader.join(_DRAIN_SECONDS)
        on_end(self)


def _how_it_ended(exit_code: int) -> str:
    if exit_code < 0:
        return f"was killed by {signal.Signals(-exit_code).name}"
    return f"ended with exit code {exit_code}"
