"""What a workflow needs of the running services, in processes or in containers.

`LocalStack` in processes.py: one process per service. `ComposeStack` in compose.py: containers behind a proxy.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

_WAIT_SECONDS = 120.0

Row = tuple[Any, ...]
Query = Callable[[str], Awaitable[Sequence[Row]]]
"""Runs a statement on a service's database."""


class Service(Protocol):
    """One service, in one or more copies. It may be stopped and started; its data stays."""

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str:
        """Where its public routes are reached."""
        ...

    @property
    def log_text(self) -> str: ...

    def command(self, *arguments: str, **variables: str) -> str:
        """Run `python -m app …` in its environment and return the output."""
        ...

    def python(self, code: str) -> str:
        """Run code that may import its `app` and return the output."""
        ...

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        ...

    def stop(self) -> int:
        """End it as an operator would (SIGTERM) and return its exit code."""
        ...

    def ensure_ready(self) -> None:
        """Start it if it has ended, and wait until its public routes answer."""
        ...

    async def rows(self, statement: str) -> Sequence[Row]:
        """Run a statement on its database."""
        ...


class Stack(Protocol):
    """All services. A workflow uses nothing but HTTP and the command line."""

    @property
    def services(self) -> Sequence[Service]: ...

    def __getattr__(self, name: str) -> Service:
        """The service with this name: `stack.users`."""
        ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def describe(self) -> dict[str, str]:
        """Logs, states and database dumps as texts by file name, to find out why a test failed."""
        ...


Found = TypeVar("Found", bound=Service)


def named(services: Sequence[Found], name: str) -> Found:
    """For `__getattr__` of a stack.

    Raises:
        AttributeError: there is no such service.
    """
    for each in services:
        if each.name == name:
            return each
    raise AttributeError(f"there is no service {name}")


def wait_for(
    condition: Callable[[], bool], description: str, *, timeout_seconds: float = _WAIT_SECONDS
) -> None:
    """Wait until the condition is true; fails with the description when it takes too long."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited too long for {description}"
        time.sleep(0.05)
