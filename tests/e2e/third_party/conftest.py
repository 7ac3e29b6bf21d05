import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

import workspace
from service_testing.new_database import NewDatabase
from tests.e2e.processes import LocalStack, local_stack
from tests.e2e.stash import STACK

HERE = Path(__file__).parent
RunNode = Callable[..., str]
"""Runs a program of npm's folder, or a file of this one, with arguments; returns its output."""


def output_of(
    *command: str | Path, cwd: Path = HERE, environment: Mapping[str, str] | None = None
) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def npm() -> Path:
    """The folder with the packages of package-lock.json, installed when that has changed."""
    folder = Path(sys.prefix, "npm")
    installed = folder / "installed.json"
    lock = HERE / "package-lock.json"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        folder.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(HERE / name, folder)
        output_of("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
        shutil.copy(lock, installed)
    return folder


@pytest.fixture(scope="session")
def node(npm: Path) -> RunNode:
    def run(program: str, *arguments: str | Path) -> str:
        if (HERE / program).exists():  # modules are looked up next to the file
            shutil.copy(HERE / program, npm)
        return output_of("node", program, *arguments, cwd=npm)

    return run


@pytest.fixture(scope="session")
def event_receiver(npm: Path) -> Iterator["subprocess.Popen[str]"]:
    """A subscriber made of CloudEvents' SDK: a line with its port, then a line for each event."""
    shutil.copy(HERE / "events.mjs", npm)
    command = ["node", "events.mjs"]
    with subprocess.Popen(command, cwd=npm, stdout=subprocess.PIPE, text=True) as receiver:
        yield receiver
        receiver.kill()


@pytest.fixture(scope="session")
def running_stack(
    new_database: NewDatabase,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
    event_receiver: "subprocess.Popen[str]",
) -> Iterator[LocalStack]:
    """All services; users delivers its events to the receiver, too."""
    assert event_receiver.stdout is not None
    port = event_receiver.stdout.readline().strip()
    with local_stack(new_database, tmp_path_factory.mktemp("logs")) as stack:
        pytestconfig.stash[STACK] = stack
        subscribers = stack.users.environment["USERS_EVENTS_SUBSCRIBERS"]
        stack.users.configure(EVENTS_SUBSCRIBERS=f"{subscribers},sdk=http://127.0.0.1:{port}/")
        stack.start()
        yield stack


@pytest.fixture(scope="session")
def descriptions() -> list[Path]:
    return [workspace.ROOT / f"contracts/openapi/{each.name}.json" for each in workspace.services()]
