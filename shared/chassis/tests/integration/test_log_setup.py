"""`configure_logging` in a process where something else has taken the standard output."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from tests.example.app import UNUSED, NotesSettings

from chassis.ops.logs import configure_logging


@contextmanager
def configured(level: Any) -> Iterator[list[dict[str, Any]]]:
    """The lines that are logged in the block; what is set up for the process is put back."""
    root, config = logging.getLogger(), structlog.get_config()
    before = root.handlers, root.level
    lines: list[dict[str, Any]] = []
    with redirect_stdout(StringIO()) as output:
        configure_logging(NotesSettings(database_url=SecretStr(UNUSED), log_level=level), "notes")
        yield lines
    root.handlers, root.level = before
    structlog.configure(**config)
    lines += map(json.loads, output.getvalue().splitlines())


@pytest.mark.parametrize(
    ("level", "logged"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_lines_below_the_level_are_left_out(level: str, logged: list[str]) -> None:
    with configured(level) as lines:
        ours, theirs = structlog.get_logger("ours"), logging.getLogger("theirs")
        for name in ("debug", "info", "warning", "error"):
            getattr(ours, name)("ours")
            getattr(theirs, name)("theirs")
    assert [(line["event"], line["level"]) for line in lines] == [
        (event, name) for name in logged for event in ("ours", "theirs")
    ]


def test_a_library_logs_no_urls_and_no_statements_with_their_values() -> None:
    with configured("debug") as lines:
        for name in ("httpx", "httpcore.connection", "aiosqlite"):
            logging.getLogger(name).info("https://accounts.example/?q=hunter2")
    assert lines == []
