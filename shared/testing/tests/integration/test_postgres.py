"""The server for tests is there when asked for, and gone afterwards however its user ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from chassis.db.database import Database
from service_testing import postgres

PROGRAM = postgres.__file__
# A run in the background of a shell, by nohup for one, hands down that Ctrl-C is ignored.
SLEEP = """
import os, signal, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
print(os.environ['TEST_POSTGRES_URL'], flush=True)
time.sleep(60)
"""

needs_programs = pytest.mark.skipif(
    postgres._local_programs() is None, reason="no PostgreSQL programs on this machine"
)


@pytest.fixture(autouse=True)
def no_given_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(postgres.URL_VARIABLE, raising=False)


async def setting(url: str, name: str) -> str:
    database = Database(url)
    async with database.orm_read_session() as session:
        value = await session.scalar(text(f"SHOW {name}"))
    await database.aclose()
    return str(value)


def answers(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as sock:
        return sock.connect_ex((parts.hostname or "", parts.port or 0)) == 0


def wait_until(condition: Callable[[], bool], timeout_seconds: float = 20) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.05)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the file by itself: isolated, and without any installed package."""
    command = [sys.executable, "-I", "-S", PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def sleeping_command() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process `run -- COMMAND` in a group of its own, and the URL that its command got."""
    command = [sys.executable, PROGRAM, "run", "--", sys.executable, "-c", SLEEP]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        url = next(iter(process.stdout or ()), "").strip()
        yield process, url
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


class TestFind:
    def test_takes_a_given_server_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(postgres.URL_VARIABLE, "postgresql://database:5432/postgres")
        assert postgres.find() == postgres.GivenServer("postgresql://database:5432/postgres")
        with postgres.server() as url:
            assert url == "postgresql://database:5432/postgres"

    def test_says_in_one_sentence_how_to_get_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(postgres, "_PROGRAM_FOLDERS", ())
        monkeypatch.setenv("PATH", "")
        with pytest.raises(postgres.PostgresUnavailable, match="apt install postgresql"):
            postgres.find()

    def test_leaves_an_engine_on_another_machine_alone(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DOCKER_HOST", "tcp://docker:2375")
        assert postgres._docker_engine() is None

    @needs_programs
    def test_names_the_programs(self) -> None:
        assert "PostgreSQL" in run("find").stdout


@needs_programs
class TestServer:
    async def test_is_there_for_the_block_and_forgets_for_speed(self) -> None:
        with postgres.server() as url:
            assert await setting(url, "fsync") == "off"
            assert await setting(url, "listen_addresses") == "127.0.0.1"
        assert not answers(url)

    @pytest.mark.slow
    async def test_keeps_its_promises_when_durable(self) -> None:
        with postgres.server(durable=True) as url:
            assert await setting(url, "fsync") == "on"

    def test_that_does_not_start_says_why(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TMPDIR", "/nowhere")
        monkeypatch.setattr(postgres.LocalPrograms, "_make_cluster", lambda *_: None)
        programs = postgres._local_programs()
        assert programs is not None
        with (
            pytest.raises(postgres.PostgresUnavailable, match="PostgreSQL didn't start: "),
            programs.start(durable=False),
        ):
            pytest.fail("it started")


@needs_programs
class TestRun:
    def test_returns_the_status_of_the_command(self) -> None:
        code = "import os, sys; sys.exit(7 if os.environ['TEST_POSTGRES_URL'] else 1)"
        assert run("run", "--", sys.executable, "-c", code).returncode == 7

    def test_of_an_unknown_command_says_so(self) -> None:
        result = run("run", "--", "no-such-command")
        assert (result.returncode, "no-such-command" in result.stderr) == (1, True)

    @pytest.mark.slow
    @pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
    def test_ends_the_server_when_it_is_ended(self, end: signal.Signals) -> None:
        with sleeping_command() as (process, url):
            assert answers(url)
            process.send_signal(end)
            process.wait()
        wait_until(lambda: not answers(url))

    @pytest.mark.slow
    def test_ends_the_server_after_the_command_that_ctrl_c_ends(self) -> None:
        with sleeping_command() as (process, url):
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait() == 128 + signal.SIGINT
        assert not answers(url)


@pytest.mark.slow
async def test_a_container_serves_as_well() -> None:
    engine = postgres._docker_engine()
    if engine is None:
        pytest.skip("no Docker engine on this machine")
    with engine.start(durable=False) as url:
        assert await setting(url, "fsync") == "off"
    assert not answers(url)
