"""What a process writes once its logs are set up, in a process of its own: logging is global."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

Line = dict[str, Any]


def run(folder: Path, **environment: str) -> str:
    """The standard output of the example that logs; it must not fail."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.example.log_lines"],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "DATABASE_URL": "sqlite:///unused.db",
            **environment,
        },
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    return done.stdout.decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def json_text(folder: Path) -> str:
    return run(folder, LOG_LEVEL="debug")


@pytest.fixture(scope="module")
def lines(json_text: str) -> dict[str, Line]:
    """The lines of JSON by their events."""
    return {line["event"]: line for line in map(json.loads, json_text.splitlines())}


@pytest.fixture(scope="module")
def console_text(folder: Path) -> str:
    """What a terminal shows that knows few characters."""
    return run(folder, LOG_FORMAT="console", PYTHONIOENCODING="ascii")


class TestJson:
    def test_is_what_is_written_to_anything_but_a_terminal(self, json_text: str) -> None:
        assert all(isinstance(json.loads(line), dict) for line in json_text.splitlines())

    @pytest.mark.parametrize("event", ["ours", "theirs formatted"])
    def test_says_when_how_bad_and_which_service(self, lines: dict[str, Line], event: str) -> None:
        line = lines[event]
        assert (line["level"], line["service"]) == ("info", "notes")
        assert line["timestamp"].endswith("Z")

    @pytest.mark.parametrize(
        "event", ["ours_in_request", "theirs in request", "ours_failed", "theirs failed"]
    )
    def test_names_the_request_on_every_line_of_it(
        self, lines: dict[str, Line], event: str
    ) -> None:
        assert (lines[event]["request_id"], lines[event]["trace_id"]) == ("r-1", "a" * 32)

    @pytest.mark.parametrize("event", ["ours", "theirs formatted"])
    def test_names_no_request_outside_of_one(self, lines: dict[str, Line], event: str) -> None:
        assert not {"request_id", "trace_id"} & set(lines[event])

    @pytest.mark.parametrize("event", ["ours_failed", "theirs failed"])
    def test_has_the_traceback_of_an_exception_without_local_variables(
        self, lines: dict[str, Line], event: str
    ) -> None:
        exception = lines[event]["exception"]
        assert exception.startswith("Traceback (most recent call last)")
        assert "ValueError: no such note\nDETAIL: [redacted]" in exception

    def test_keeps_every_kind_of_text(self, lines: dict[str, Line]) -> None:
        path = lines["ours_in_request"]["path"]
        assert path == "/\x1b[2J\rnotes\N{GRINNING FACE}\ud800"

    def test_shows_no_secret_even_at_the_level_debug(self, json_text: str) -> None:
        assert "hunter2" not in json_text
        assert '"password": "[redacted]"' in json_text

    def test_includes_debugging_lines_when_asked(self, lines: dict[str, Line]) -> None:
        assert lines["ours_debug"]["level"] == lines["theirs debug"]["level"] == "debug"


class TestConsole:
    def test_is_readable(self, console_text: str) -> None:
        first = console_text.splitlines()[0]
        assert "[info     ] ours " in first
        assert "size=3" in first
        assert "title='a note'" in first
        assert "service=" not in console_text

    def test_names_the_request(self, console_text: str) -> None:
        (line,) = (line for line in console_text.splitlines() if "theirs in request" in line)
        assert "request_id=r-1" in line
        assert f"trace_id={'a' * 32}" in line

    def test_shows_a_traceback_over_several_lines(self, console_text: str) -> None:
        assert "\nTraceback (most recent call last):\n  File " in console_text
        assert "\nValueError: no such note\nDETAIL: [redacted]\n" in console_text

    def test_shows_no_secret(self, console_text: str) -> None:
        assert "hunter2" not in console_text

    def test_lets_no_client_steer_the_terminal(self, console_text: str) -> None:
        assert not {"\x1b", "\r"} & set(console_text)
        assert "\\x1b[2J" in console_text

    def test_shows_a_character_that_it_lacks_as_its_code(self, console_text: str) -> None:
        assert "notes\\U0001f600\\ud800" in console_text
