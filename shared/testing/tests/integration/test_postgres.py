"""The PostgreSQL server for tests starts without Docker, and never outlives the process that started it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]
import pytest

from service_testing import postgres

# A shell that runs pytest in the background makes its children ignore Ctrl-C.
SLEEP = """
import os, signal, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
print(os.environ['TEST_POSTGRES_URL'], flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def no_given_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(postgres.URL_VARIABLE, raising=False)


@pytest.fixture
def only_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_DEBIAN", Path("/nowhere"))
    monkeypatch.setattr("shutil.which", lambda _: None)


async def query(url: str, statement: str) -> str:
    connection = await asyncpg.connect(url)
    value = await connection.fetchval(statement)
    await connection.close()
    return str(value)


def accepts_connections(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as sock:
        return sock.connect_ex((parts.hostname or "", parts.port or 0)) == 0


def wait_until(condition: Callable[[], bool], timeout_seconds: float = 20) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never became true"
        time.sleep(0.05)


def command_line(*command: str) -> list[str]:
    return [sys.executable, "-m", "service_testing.postgres", "run", "--", *command]


@contextmanager
def sleeping_command() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command line in a process group of its own, and the URL that its command got."""
    with subprocess.Popen(
        command_line(sys.executable, "-c", SLEEP),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        url = next(iter(process.stdout or ()), "").strip()
        yield process, url
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


class TestServer:
    def test_given_server_is_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(postgres.URL_VARIABLE, "postgresql://database:5432/postgres")
        with postgres.server() as url:
            assert url == "postgresql://database:5432/postgres"

    async def test_started_server_is_fast_and_local_and_ends_with_the_block(self) -> None:
        with postgres.server() as url:
            assert await query(url, "SHOW fsync") == "off"
            assert await query(url, "SHOW listen_addresses") == "127.0.0.1"
        assert not accepts_connections(url)

    @pytest.mark.parametrize(("free", "is_in_memory"), [(2**31, False), (2**31 + 1, True)])
    def test_data_is_in_memory_if_there_is_enough(
        self, free: int, is_in_memory: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
        memory = Path("/dev/shm")  # noqa: S108
        with postgres.server() as url:
            folder = Path(asyncio.run(query(url, "SHOW data_directory")))
        assert folder.is_relative_to(memory) is (is_in_memory and memory.is_dir())

    def test_wheel_is_used_when_nothing_is_installed(self, only_the_wheel: None) -> None:
        with postgres.server() as url:
            assert "PostgreSQL 18" in asyncio.run(query(url, "SELECT version()"))
            assert asyncio.run(query(url, "SELECT lower('ÄÖÜ')")) == "äöü"
            folder = Path(asyncio.run(query(url, "SHOW data_directory")))
            assert folder.stat().st_uid != 0  # also when root starts it
        assert not accepts_connections(url)
        assert not folder.parent.exists()

    def test_without_any_programs_the_error_names_the_fixes(
        self, only_the_wheel: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        with (
            pytest.raises(postgres.PostgresUnavailable, match="set TEST_POSTGRES_URL"),
            postgres.server(),
        ):
            pytest.fail("it started")

    def test_failing_program_is_reported_with_its_output(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            initdb = Path(folder, "initdb")
            initdb.write_text("#!/bin/sh\necho no space left\nexit 1\n")
            monkeypatch.setenv("PATH", folder, prepend=os.pathsep)
            for path in (initdb.parent, initdb):
                path.chmod(0o755)
            with (
                pytest.raises(postgres.PostgresUnavailable, match="initdb failed: no space left"),
                postgres.server(),
            ):
                pytest.fail("it started")


@pytest.mark.slow
async def test_durable_server_keeps_committed_rows_when_it_crashes() -> None:
    with postgres.crashable_server() as cluster:
        assert await query(cluster.url, "SHOW fsync") == "on"
        await query(cluster.url, "CREATE TABLE t AS SELECT 7 AS n")
        cluster.crash()
        assert not accepts_connections(cluster.url)
        cluster.start()
        assert await query(cluster.url, "SELECT n FROM t") == "7"


class TestCommandLine:
    def test_exit_status_is_that_of_the_command(self) -> None:
        code = "import os, sys; sys.exit(7 if os.environ['TEST_POSTGRES_URL'] else 1)"
        run = subprocess.run(command_line(sys.executable, "-c", code), check=False)
        assert run.returncode == 7

    @pytest.mark.slow
    @pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
    def test_server_ends_when_the_process_is_killed(self, end: signal.Signals) -> None:
        with sleeping_command() as (process, url):
            assert accepts_connections(url)
            process.send_signal(end)
            process.wait()
            wait_until(lambda: not accepts_connections(url))

    @pytest.mark.slow
    def test_ctrl_c_ends_the_command_and_then_the_server(self) -> None:
        with sleeping_command() as (process, url):
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait() != 0
            assert not accepts_connections(url)
