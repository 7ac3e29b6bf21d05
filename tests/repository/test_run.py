"""`make run`, as a process, on a made-up workspace."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

import pytest
from conftest import MadeUp

# Under nohup the tests' own process ignores SIGHUP, in the background of a script SIGINT, and so would what it starts.
DRIVER = """
import runpy, signal
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_path("run.py", run_name="__main__")
"""


def is_alive(process_id: int) -> bool:
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(") ")[2][0] != "Z"


class Run:
    """The runner in a process group of its own, as a shell starts it."""

    def __init__(
        self, made_up: MadeUp, *options: str, grace_seconds: float = 60, **environ: str
    ) -> None:
        self.seen = ""
        self.popen = subprocess.Popen(
            [sys.executable, "-c", DRIVER, *options],
            cwd=made_up.root,
            env=os.environ | environ | {"GRACE_SECONDS": str(grace_seconds)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def close(self) -> None:
        for process_id in [self.popen.pid, *self.process_ids()]:
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
        self.popen.communicate()

    def until(self, text: str) -> Self:
        """Read what it prints, up to and with the line that has this text."""
        assert self.popen.stdout
        for line in self.popen.stdout:
            self.seen += line
            if text in line:
                return self
        raise AssertionError(f"{text!r} never came:\n{self.seen}{self.errors()}")

    def end(self) -> int:
        """Read to the end; the exit code."""
        assert self.popen.stdout
        self.seen += self.popen.stdout.read()
        return self.popen.wait()

    def errors(self) -> str:
        assert self.popen.stderr
        return self.popen.stderr.read()

    def process_id(self, name: str) -> int:
        """Of a service that serves. Its line may come after "Ready"."""
        serving = rf"^{name} \| serving as process (\d+)"
        if not re.search(serving, self.seen, re.MULTILINE):
            self.until(f"{name} | serving")
        return int(re.findall(serving, self.seen, re.MULTILINE)[-1])

    def process_ids(self) -> list[int]:
        return [int(number) for number in re.findall(r"(?:as|is) process (\d+)", self.seen)]

    def leaves_nobody(self) -> bool:
        while any(is_alive(process_id) for process_id in self.process_ids()):
            time.sleep(0.01)  # pytest's time limit ends it
        return True


StartRun = Callable[..., Run]


@pytest.fixture
def start_run(made_up: MadeUp) -> Iterator[StartRun]:
    with ExitStack() as stack:

        def start(*options: str, **environ: Any) -> Run:
            run = Run(made_up, *options, **environ)
            stack.callback(run.close)
            return run

        yield start


def database_url(port: int) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/")
    return connection.getresponse().read().decode()


class TestStart:
    def test_addresses_are_printed_when_all_are_ready(
        self, start_run: StartRun, made_up: MadeUp
    ) -> None:
        run = start_run().until("curl $ORDERS")

        for port in made_up.ports.values():
            assert f"http://127.0.0.1:{port}  docs: http://127.0.0.1:{port}/docs" in run.seen
        assert f" ORDERS=http://127.0.0.1:{made_up.ports['orders']}\n" in run.seen

    def test_services_are_asked_without_a_proxy(self, start_run: StartRun) -> None:
        start_run(http_proxy="http://127.0.0.1:9").until("Ready")

    def test_databases_are_migrated_before_a_service_is_started(self, start_run: StartRun) -> None:
        run = start_run().until("Ready")
        run.popen.send_signal(signal.SIGINT)
        run.end()  # a service's last line may come after "Ready"

        events = re.findall(r"(\w+) \| (migrating|serving)", run.seen)
        assert sorted(events[:2]) == [("accounts", "migrating"), ("orders", "migrating")]
        assert [event for _, event in events[2:]] == ["serving"] * 3

    def test_data_is_stored_in_data_dir(self, start_run: StartRun, made_up: MadeUp) -> None:
        start_run(DATA_DIR="other place").until("Ready")

        assert database_url(made_up.ports["orders"]).endswith("/other%20place/orders.db")

    def test_failed_migration_starts_nothing(self, start_run: StartRun) -> None:
        run = start_run(ORDERS_FAKE="bad-migration")

        assert run.end() == 1
        assert "orders | no such column: price" in run.seen
        assert "orders (migrate) ended with exit code 1." in run.errors()
        assert "serving" not in run.seen

    def test_service_that_dies_at_its_start_ends_the_others(self, start_run: StartRun) -> None:
        run = start_run(ACCOUNTS_FAKE="dying")

        assert run.end() == 1
        assert "accounts (serve) ended with exit code 1." in run.errors()
        assert "Ready" not in run.seen
        assert run.leaves_nobody()

    def test_run_can_be_ended_before_all_are_ready(self, start_run: StartRun) -> None:
        run = start_run(ACCOUNTS_FAKE="unready").until("GET /health/ready")
        run.popen.terminate()

        assert run.end() == 0
        assert run.leaves_nobody()

    def test_taken_port_is_named_with_the_fix(self, start_run: StartRun, made_up: MadeUp) -> None:
        with socket.create_server(("127.0.0.1", made_up.ports["orders"])):
            run = start_run()

            assert run.end() == 1
        assert f"orders can't listen on 127.0.0.1:{made_up.ports['orders']}" in (
            errors := run.errors()
        )
        assert "set ORDERS_PORT to another port" in errors
        assert "Traceback" not in errors
        assert run.seen == ""


class TestOptions:
    def test_service_that_has_a_demo_runs_it_before_any_serves(
        self, start_run: StartRun, made_up: MadeUp
    ) -> None:
        jobs = made_up.root / "services/stock/app/jobs"
        jobs.mkdir()
        (jobs / "demo.py").touch()
        run = start_run("--demo").until("Ready")
        run.popen.send_signal(signal.SIGINT)
        run.end()  # a service's last line may come after "Ready"

        events = re.findall(r"(\w+) \| (demo|serving)", run.seen)
        assert events[0] == ("stock", "demo")
        assert [event for _, event in events] == ["demo", *["serving"] * 3]

    def test_service_is_restarted_when_its_code_changes(
        self, start_run: StartRun, made_up: MadeUp
    ) -> None:
        run = start_run("--reload").until("Ready")
        (made_up.root / "services/orders/app/new.py").touch()
        run.until("orders | ended cleanly").until("orders | serving")
        run.popen.terminate()

        assert run.end() == 0
        assert run.seen.count("orders | serving") == 2
        assert run.seen.count("accounts | serving") == 1
        assert run.leaves_nobody()


class TestEnd:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_signal_ends_all_cleanly(self, start_run: StartRun, number: signal.Signals) -> None:
        run = start_run().until("Ready")
        os.killpg(run.popen.pid, number)

        assert run.end() == 0
        assert run.seen.count("ended cleanly") == 3
        assert run.errors() == ""

    def test_second_ctrl_c_kills_at_once(self, start_run: StartRun) -> None:
        run = start_run(grace_seconds=3600, ACCOUNTS_FAKE="deaf").until("Ready")
        run.popen.send_signal(signal.SIGINT)
        run.until("ended cleanly")
        run.popen.send_signal(signal.SIGINT)

        assert run.end() == 130
        assert run.leaves_nobody()

    def test_service_that_does_not_end_in_time_is_killed(self, start_run: StartRun) -> None:
        run = start_run(grace_seconds=0.5, ORDERS_FAKE="deaf").until("Ready")
        run.popen.terminate()

        assert run.end() == 130
        assert run.leaves_nobody()

    def test_killed_service_ends_the_others(self, start_run: StartRun) -> None:
        run = start_run().until("Ready")
        os.kill(run.process_id("stock"), signal.SIGKILL)

        assert run.end() == 1
        assert "stock (serve) ended with exit code -9." in run.errors()
        assert "orders | ended cleanly" in run.seen

    def test_remaining_children_of_a_service_are_killed(self, start_run: StartRun) -> None:
        run = start_run(ACCOUNTS_FAKE="parent").until("Ready")
        os.kill(run.process_id("accounts"), signal.SIGKILL)

        assert run.end() == 1
        assert run.leaves_nobody()

    @pytest.mark.skipif(sys.platform != "linux", reason="setpriv is of Linux")
    def test_services_end_when_the_runner_is_killed(self, start_run: StartRun) -> None:
        run = start_run().until("Ready")
        run.popen.kill()

        assert run.leaves_nobody()

    def test_run_ends_when_nobody_reads_its_output(self, start_run: StartRun) -> None:
        run = start_run(STOCK_FAKE="chatty").until("another thing")
        assert run.popen.stdout
        run.popen.stdout.close()

        assert run.popen.wait() == 0
        assert run.leaves_nobody()

    def test_run_ends_when_its_output_is_stuck(self, start_run: StartRun) -> None:
        run = start_run(grace_seconds=0.5, STOCK_FAKE="chatty").until("another thing")
        time.sleep(0.5)  # until the pipe is full
        run.popen.terminate()

        assert run.popen.wait() in {0, 130}
        assert run.leaves_nobody()
