"""`make run`, seen from outside."""

import os
import pty
import signal
import socket
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import pytest
from running import Run, is_alive, wait_until

StartRun = Callable[..., Run]


def no_process_is_left(run: Run) -> bool:
    wait_until(lambda: not any(is_alive(process_id) for process_id in run.process_ids()))
    return True


class TestStart:
    def test_it_says_where_the_services_are_once_both_are_ready(
        self, start_run: StartRun, ports: dict[str, str]
    ) -> None:
        run = start_run().read_until("users/me")

        for port in ports.values():
            assert f"http://127.0.0.1:{port}  docs: http://127.0.0.1:{port}/docs" in run.seen
            assert database_url(port)

    def test_it_migrates_both_before_it_starts_either(self, start_run: StartRun) -> None:
        run = start_run().read_until("Ready")

        events = [
            line.partition(" | ")[2].split()[0] for line in run.seen.splitlines() if "ing" in line
        ]
        assert events[:4] == ["migrating", "migrating", "serving", "serving"]

    def test_the_data_lies_where_data_dir_says(
        self, start_run: StartRun, root: Path, ports: dict[str, str]
    ) -> None:
        start_run({"DATA_DIR": "elsewhere"}).read_until("Ready")

        assert database_url(ports["USERS_PORT"]) == f"sqlite:///{root}/elsewhere/users.db"

    def test_a_setting_of_the_user_wins(self, start_run: StartRun, ports: dict[str, str]) -> None:
        start_run({"USERS_DATABASE_URL": "postgresql://there/users"}).read_until("Ready")

        assert database_url(ports["USERS_PORT"]) == "postgresql://there/users"

    def test_a_failed_migration_shows_its_output_and_starts_nothing(
        self, start_run: StartRun
    ) -> None:
        run = start_run({"ITEMS_FAKE": "bad-migration"})

        assert run.end() == 1
        assert "items (migrate) ended with exit code 1" in (errors := run.errors())
        assert "    no such column: price" in errors
        assert "serving" not in run.seen

    def test_a_service_that_dies_at_its_start_ends_the_other(self, start_run: StartRun) -> None:
        run = start_run({"USERS_FAKE": "dying"})

        assert run.end() == 1
        assert "users (serve) ended with exit code 1" in (errors := run.errors())
        assert "    out of luck" in errors
        assert "Ready" not in run.seen
        assert no_process_is_left(run)

    def test_it_ends_while_a_service_is_not_ready_yet(self, start_run: StartRun) -> None:
        run = start_run({"USERS_FAKE": "unready"}).read_until("GET /health/ready")
        run.popen.terminate()

        assert run.end() == 0
        assert no_process_is_left(run)


class TestRefusal:
    def test_a_taken_port_is_named_with_its_holder_and_the_way_out(
        self, start_run: StartRun, ports: dict[str, str]
    ) -> None:
        with socket.create_server(("127.0.0.1", int(ports["ITEMS_PORT"]))):
            run = start_run()

            assert run.end() == 1
        port = ports["ITEMS_PORT"]
        errors = run.errors()
        assert f"Port {port} is taken by " in errors
        assert f"(process {os.getpid()})" in errors
        assert "set ITEMS_PORT to another port." in errors
        assert run.seen == ""

    def test_a_data_dir_that_cannot_be_written_is_named(
        self, start_run: StartRun, root: Path
    ) -> None:
        (root / "data").touch()
        run = start_run()

        assert run.end() == 1
        assert f"Can't write to the data folder {root}/data (File exists)" in run.errors()
        assert run.seen == ""


class TestEnd:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_to_the_group_ends_both_cleanly(
        self, start_run: StartRun, number: signal.Signals
    ) -> None:
        run = start_run().read_until("Ready")
        os.killpg(run.popen.pid, number)

        assert run.end() == 0
        assert run.seen.count("ended cleanly") == 2
        assert run.errors() == ""

    def test_a_signal_to_the_runner_alone_ends_both_cleanly(self, start_run: StartRun) -> None:
        run = start_run().read_until("Ready")
        run.popen.terminate()
        # make hands a SIGTERM on to the runner, which may have had it from elsewhere too.
        run.popen.terminate()

        assert run.end() == 0
        assert run.seen.count("ended cleanly") == 2

    def test_a_second_ctrl_c_kills_at_once(self, start_run: StartRun) -> None:
        run = start_run({"USERS_FAKE": "deaf"}, arguments=", grace_seconds=3600").read_until(
            "Ready"
        )
        run.interrupt()
        run.read_until("Ending both")
        run.interrupt()

        assert run.end() == 130
        assert run.errors() == ""
        assert no_process_is_left(run)

    def test_a_service_that_does_not_end_in_time_is_killed(self, start_run: StartRun) -> None:
        run = start_run({"ITEMS_FAKE": "deaf"}, arguments=", grace_seconds=0.5").read_until("Ready")
        run.interrupt()

        assert run.end() == 130
        assert "items did not end when it was asked to: killing it." in run.seen
        assert no_process_is_left(run)

    def test_a_service_that_is_killed_ends_the_other(self, start_run: StartRun) -> None:
        run = start_run().read_until("Ready")
        os.kill(run.process_id("users"), signal.SIGKILL)

        assert run.end() == 1
        assert "users (serve) was killed by SIGKILL; its last lines:" in run.errors()
        assert "items | ended cleanly" in run.seen

    def test_what_a_service_left_behind_is_killed(self, start_run: StartRun) -> None:
        run = start_run({"USERS_FAKE": "parent"}).read_until("Ready")
        os.kill(run.process_id("users"), signal.SIGKILL)

        assert run.end() == 1
        assert no_process_is_left(run)

    def test_services_end_when_the_runner_is_killed(self, start_run: StartRun) -> None:
        run = start_run().read_until("Ready")
        run.popen.kill()

        assert no_process_is_left(run)

    def test_it_ends_quietly_when_nobody_reads_its_output(self, start_run: StartRun) -> None:
        run = start_run().read_until("Ready")
        assert run.popen.stdout
        run.popen.stdout.close()

        assert run.popen.wait() == 0
        assert run.errors() == ""
        assert no_process_is_left(run)

    def test_it_ends_when_its_output_is_stuck(self, start_run: StartRun) -> None:
        run = start_run({"USERS_FAKE": "chatty"}, arguments=", grace_seconds=0.5")
        run.read_until("another thing")
        run.popen.terminate()

        assert run.popen.wait() in {0, 130}
        assert no_process_is_left(run)


class TestColour:
    def test_a_pipe_gets_plain_lines(self, start_run: StartRun) -> None:
        assert "\033" not in start_run().read_until("Ready").seen

    def test_a_terminal_gets_coloured_names(self, start_run: StartRun) -> None:
        assert b"\033[36musers |\033[0m serving" in terminal_output(start_run, {"NO_COLOR": ""})

    def test_no_color_is_respected(self, start_run: StartRun) -> None:
        assert b"\033" not in terminal_output(start_run, {"NO_COLOR": "1"})


def terminal_output(start_run: StartRun, environ: dict[str, str]) -> bytes:
    terminal, descriptor = pty.openpty()
    start_run(environ, stdout=descriptor)
    os.close(descriptor)
    seen = b""
    while b"Ready" not in seen:
        seen += os.read(terminal, 4096)
    os.close(terminal)
    return seen


def database_url(port: str) -> str:
    connection = HTTPConnection("127.0.0.1", int(port), timeout=60)
    connection.request("GET", "/")
    return connection.getresponse().read().decode()
