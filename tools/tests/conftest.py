"""A repository with two stand-ins for services, and the runner at work on it."""

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from running import Run

FAKE_SERVICE = Path(__file__).with_name("fake_service")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("users", "items"):
        shutil.copytree(FAKE_SERVICE, tmp_path / "services" / name)
    return tmp_path


@pytest.fixture
def ports() -> dict[str, str]:
    """Two free ports, as the variables that set them."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return {
            "USERS_PORT": str(one.getsockname()[1]),
            "ITEMS_PORT": str(two.getsockname()[1]),
        }


@pytest.fixture
def start_run(root: Path, ports: dict[str, str]) -> Iterator[Callable[..., Run]]:
    """Starts the runner, with more variables and options, and kills what a failed test leaves."""
    with ExitStack() as stack:

        def start(environ: dict[str, str] | None = None, **options: Any) -> Run:
            return stack.enter_context(Run(root, {**ports, **(environ or {})}, **options))

        yield start
