"""Fails a test that opens a real database, even with an engine of the app's own, which no fixture knows."""

import re
from pathlib import PurePath
from typing import Any

import pytest
from sqlalchemy import Dialect, Engine, event


class EngineGuard:
    """A plugin that checks the name of each database before SQLAlchemy opens it (off: `-p no:engine-guard`)."""

    def pytest_configure(self) -> None:
        event.listen(Engine, "do_connect", self._check)

    def pytest_unconfigure(self) -> None:
        event.remove(Engine, "do_connect", self._check)

    def _check(self, _: Dialect, __: object, arguments: Any, options: Any) -> None:
        __tracebackhide__ = True
        database = options.get("database") or options.get("dbname") or next(iter(arguments), "")
        if not is_for_tests(str(database)):
            # Unlike an error, the app can't handle this.
            pytest.fail(
                f"The test would change the database {str(database)!r}, whose name doesn't mark it as a "
                'test database: give it a name with the word "test" in it, such as test_notes.'
            )


def is_for_tests(database: str) -> bool:
    """Whether the name has the word `test` in it, as in `test_notes` or `notes-test`, or means SQLite's memory."""
    name = PurePath(database).name.lower()
    return database in ("", ":memory:") or re.search(r"(?<![a-z])test(?![a-z])", name) is not None
