"""What `configure_logging` makes of the lines of the service and of libraries."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import BytesIO, TextIOWrapper
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import text
from tests.example.app import OpenDatabase, unused_settings

from chassis.ops.logs import configure_logging
from chassis.web.context import current_context, request_context

REQUEST = request_context(b"r-1", f"00-{'a' * 32}-{'b' * 16}-01".encode())
PATH = "/\x1b[2J\rnotes\N{GRINNING FACE}\ud800"


@contextmanager
def configured(encoding: str = "utf-8", **settings: Any) -> Iterator[TextIOWrapper]:
    """Configure logging in the block, and collect the standard output."""
    root, config = logging.getLogger(), structlog.get_config()
    before = root.handlers, root.level
    with redirect_stdout(TextIOWrapper(BytesIO(), encoding, write_through=True)) as output:
        configure_logging(unused_settings(**settings), "notes")
        yield output
    output.seek(0)
    root.handlers, root.level = before
    structlog.configure(**config)


def fail() -> None:
    local = "hunter2"
    raise ValueError(f"no such note\nDETAIL:  Key (title)=({local}) is missing.")


def log_everything() -> None:
    """Lines of the service (`ours`) and of a library (`theirs`), outside of a request and in one."""
    logger, library = structlog.get_logger("notes"), logging.getLogger("library")
    logger.debug("ours_debug")
    logger.info("ours", title="a note", password=SecretStr("hunter2"), size=3)
    library.debug("theirs debug")
    library.info("theirs %s", "formatted", extra={"token": "hunter2"})
    token = current_context.set(REQUEST)
    logger.info("ours_in_request", path=PATH)
    library.warning("theirs in request")
    try:
        fail()
    except ValueError:
        logger.exception("ours_failed")
        library.exception("theirs failed")
    current_context.reset(token)


class TestJson:
    @pytest.fixture
    def lines(self) -> dict[str, dict[str, Any]]:
        """The lines by their events."""
        with configured(log_level="debug") as output:
            log_everything()
        decoded = [json.loads(line) for line in output.read().splitlines()]
        return {line["event"]: line for line in decoded}

    @pytest.mark.parametrize("event", ["ours", "theirs formatted"])
    def test_line_has_time_level_and_service_but_no_request(self, lines: Any, event: str) -> None:
        line = lines[event]
        assert (line["level"], line["service"]) == ("info", "notes")
        assert line["timestamp"].endswith("Z")
        assert not {"request_id", "trace_id"} & set(line)

    @pytest.mark.parametrize(
        "event", ["ours_in_request", "theirs in request", "ours_failed", "theirs failed"]
    )
    def test_line_of_a_request_has_its_ids(self, lines: Any, event: str) -> None:
        assert (lines[event]["request_id"], lines[event]["trace_id"]) == ("r-1", "a" * 32)

    @pytest.mark.parametrize("event", ["ours_failed", "theirs failed"])
    def test_traceback_has_no_values(self, lines: Any, event: str) -> None:
        exception = lines[event]["exception"]
        assert exception.startswith("Traceback (most recent call last)")
        assert "ValueError: no such note\nDETAIL: [redacted]" in exception

    def test_text_is_unchanged(self, lines: Any) -> None:
        assert lines["ours_in_request"]["path"] == PATH

    def test_secrets_are_redacted(self, lines: Any) -> None:
        assert "hunter2" not in str(lines)
        assert lines["ours"]["password"] == "[redacted]"

    async def test_statements_are_not_logged_with_their_values(
        self, open_database: OpenDatabase, empty_database_url: str
    ) -> None:
        with configured(log_level="debug") as output:
            async with open_database(empty_database_url).write_engine.connect() as connection:
                await connection.execute(text("SELECT :password"), {"password": "hunter2"})
            for name in ("httpx", "httpcore.connection"):
                logging.getLogger(name).info("https://accounts.example/?q=hunter2")
        assert "hunter2" not in output.read()


class TestConsole:
    @pytest.fixture
    def shown(self) -> str:
        """What a terminal that knows few characters shows."""
        with configured("ascii", log_format="console") as output:
            log_everything()
        return output.read()

    def test_line_is_readable(self, shown: str) -> None:
        first = shown.splitlines()[0]
        for part in ("[info     ] ours ", "size=3", "title='a note'"):
            assert part in first
        assert "service=" not in shown
        assert "hunter2" not in shown

    def test_line_of_a_request_has_its_ids(self, shown: str) -> None:
        (line,) = (line for line in shown.splitlines() if "theirs in request" in line)
        assert "request_id=r-1" in line
        assert f"trace_id={'a' * 32}" in line

    def test_traceback_has_several_lines(self, shown: str) -> None:
        assert "\nTraceback (most recent call last):\n  File " in shown
        assert "\nValueError: no such note\nDETAIL: [redacted]\n" in shown

    def test_control_characters_and_unknown_characters_are_escaped(self, shown: str) -> None:
        assert not {"\x1b", "\r"} & set(shown)
        assert "\\x1b[2J" in shown
        assert "notes\\U0001f600\\ud800" in shown


@pytest.mark.parametrize(
    ("level", "first"), [("debug", 0), ("info", 1), ("warning", 2), ("error", 3)]
)
def test_lines_below_the_level_are_left_out(level: str, first: int) -> None:
    levels = ("debug", "info", "warning", "error")
    with configured(log_level=level) as output:
        ours, theirs = structlog.get_logger("ours"), logging.getLogger("theirs")
        for name in levels:
            getattr(ours, name)("ours")
            getattr(theirs, name)("theirs")
    lines = [json.loads(line) for line in output.read().splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [
        (event, name) for name in levels[first:] for event in ("ours", "theirs")
    ]
