"""What a workflow needs of the running product. It doesn't say how that runs.

`LocalStack` in processes.py: two processes. `ComposeStack` in compose.py: containers behind a proxy.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_SECONDS = 120.0

Row = tuple[Any, ...]
Query = Callable[[str], Awaitable[Sequence[Row]]]
"""Runs a statement on a service's database."""


class Service(Protocol):
    """One service, in as many copies as it runs in. It may be ended and started; its data stays."""

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str:
        """Where its public routes are reached."""
        ...

    @property
    def log_text(self) -> str: ...

    def command(self, *arguments: str, **variables: str) -> str:
        """Run `python -m app …` beside it, to its end; what it printed."""
        ...

    def python(self, code: str) -> str:
        """Run a few lines beside it, where its `app` can be imported; what they printed."""
        ...

    def kill(self) -> None:
        """End it as a crash would: nothing gets the chance to finish."""
        ...

    def stop(self) -> int:
        """End it as an operator would; its exit code."""
        ...

    def ensure_ready(self) -> None:
        """Start it if it has ended, and wait until its public routes answer."""
        ...

    async def rows(self, statement: str) -> Sequence[Row]:
        """What is in its database."""
        ...


class Stack(Protocol):
    """Both services. Everything that a workflow does goes over HTTP or the command line."""

    @property
    def users(self) -> Service: ...

    @property
    def items(self) -> Service: ...

    @property
    def services(self) -> Sequence[Service]: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def describe(self) -> dict[str, str]:
        """What it looks like from outside, for who has to find out why a test failed: texts by file name."""
        ...


def wait_for(
    condition: Callable[[], bool], what: str, *, patience_seconds: float = _PATIENCE_SECONDS
) -> None:
    """Wait until it holds; fails, saying what was waited for, when it takes too long."""
    deadline = time.monotonic() + patience_seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.05)
