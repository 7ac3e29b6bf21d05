"""Helpers for tests of the runner, which is a process like any other."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

TOOLS = Path(__file__).resolve().parent.parent

# Under nohup the tests' own process ignores SIGHUP, and so would what it starts.
_DRIVER = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGHUP, signal.SIG_DFL)
import run
sys.exit(run.run(Path(sys.argv[1]){}))
"""


def wait_until(is_true: Callable[[], bool]) -> None:
    """Come back once it's true; pytest's timeout ends a wait in vain."""
    while not is_true():
        time.sleep(0.01)


def is_alive(process_id: int) -> bool:
    """Does the process run? One that has ended and waits to be collected doesn't."""
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(") ")[2][0] != "Z"


class Run:
    """The runner in a process group of its own, as a shell starts it."""

    def __init__(
        self,
        root: Path,
        environ: dict[str, str],
        *,
        arguments: str = "",
        stdout: int = subprocess.PIPE,
    ) -> None:
        self.seen = ""
        self.popen = subprocess.Popen(
            [sys.executable, "-c", _DRIVER.format(arguments), str(root)],
            env={**os.environ, "PYTHONPATH": str(TOOLS), **environ},
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process_id in [self.popen.pid, *self.process_ids()]:
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
        self.popen.communicate()

    def read_until(self, text: str) -> Self:
        """Read what it writes, up to and with the line that has this text."""
        assert self.popen.stdout
        for line in self.popen.stdout:
            self.seen += line
            if text in line:
                return self
        raise AssertionError(f"{text!r} never came:\n{self.seen}{self.errors()}")

    def interrupt(self) -> None:
        """What Ctrl-C does: SIGINT to the whole process group of the terminal."""
        os.killpg(self.popen.pid, signal.SIGINT)

    def end(self) -> int:
        """Read to the end, and give the exit code."""
        assert self.popen.stdout
        self.seen += self.popen.stdout.read()
        return self.popen.wait()

    def errors(self) -> str:
        """What it said on standard error; waits for its end."""
        assert self.popen.stderr
        return self.popen.stderr.read()

    def process_id(self, name: str) -> int:
        """The process of a service."""
        return int(re.findall(rf"^{name} \| serving as process (\d+)", self.seen, re.MULTILINE)[-1])

    def process_ids(self) -> list[int]:
        """All processes that the services named."""
        return [int(number) for number in re.findall(r"(?:as|is) process (\d+)", self.seen)]
