"""`configure_logging` in a process where something else has taken the standard output."""

import json
import logging
import sys
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from chassis.logs import configure_logging
from tests.example.app import UNUSED, NotesSettings


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """The standard output. What is set up for the process is put back afterwards."""
    root, config = logging.getLogger(), structlog.get_config()
    before = root.handlers, root.level
    output = StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    yield output
    root.handlers, level = before
    root.setLevel(level)
    structlog.configure(**config)


def lines(output: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("level", "logged"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_lines_below_the_level_are_left_out(
    output: StringIO, level: Any, logged: list[str]
) -> None:
    settings = NotesSettings(database_url=SecretStr(UNUSED), log_level=level)
    configure_logging(settings, "notes")
    ours, theirs = structlog.get_logger("ours"), logging.getLogger("theirs")
    for name in ("debug", "info", "warning", "error"):
        getattr(ours, name)("ours")
        getattr(theirs, name)("theirs")
    assert [(line["event"], line["level"]) for line in lines(output)] == [
        (event, name) for name in logged for event in ("ours", "theirs")
    ]


def test_a_library_logs_no_urls_and_no_statements_with_their_values(output: StringIO) -> None:
    settings = NotesSettings(database_url=SecretStr(UNUSED), log_level="debug")
    configure_logging(settings, "notes")
    for name in ("httpx", "httpcore.connection", "aiosqlite"):
        logging.getLogger(name).info("https://users.example/?q=hunter2")
    assert lines(output) == []
