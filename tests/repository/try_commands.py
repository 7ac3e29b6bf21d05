"""Tells whether pytest, in the folder that this is run in, takes the command lines of standard input.

It is configured once, with the folder's settings and all plugins, and parses each of them. Without
the conftest files, which would import the whole service.
"""

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest


class Commands:
    """Ends the run before it would collect: 0 when all command lines are good."""

    parser: pytest.Parser

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines

    def pytest_addoption(self, parser: pytest.Parser) -> None:
        self.parser = parser

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        markers = {re.split(r"[:(]", line)[0] for line in config.getini("markers")}
        bad = [line for line in self.lines if not self._is_good(line, markers)]
        pytest.exit(f"these are bad: {bad}", returncode=bool(bad))

    def _is_good(self, line: str, markers: set[str]) -> bool:
        program, *arguments = shlex.split(line, comments=True)
        try:
            options = self.parser.parse(arguments)
        except pytest.UsageError:
            return False
        # A name that is no marker would select nothing, in silence.
        names = set(re.findall(r"\w+", options.markexpr)) - {"and", "or", "not"}
        paths = all(Path(path).exists() for path in options.file_or_dir)
        return program == "pytest" and paths and names <= markers


sys.exit(pytest.main(["--noconftest"], plugins=[Commands(sys.stdin.read().splitlines())]))
