"""Tests a second: a service's own tests in rollback mode, on one core. Run it in the folder of the service."""

import os
import sys
import time
from pathlib import Path

import pytest

_NOT_ROLLED_BACK = {"live_server", "spare_database_url", "empty_database_url"}
_WANTED = {"sqlite": 100, "postgres": 60}


class Rate:
    """Keeps the tests in rollback mode, and notes when each ends."""

    def __init__(self) -> None:
        self._ends: list[tuple[float, float]] = []

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        kept = [item for item in items if is_rolled_back(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept

    def pytest_runtest_logfinish(self) -> None:
        self._ends.append((time.process_time(), time.perf_counter()))

    def __str__(self) -> str:
        # From the end of the first: its set-up has the start of the app and of the database in it.
        cpu_seconds, seconds = (
            last - first for first, last in zip(self._ends[0], self._ends[-1], strict=True)
        )
        tests = len(self._ends) - 1
        # On a busy machine the first says more; a database server's time isn't in it.
        return (
            f"{tests / cpu_seconds:.0f} a second of CPU, {tests / seconds:.0f} a second ({tests})"
        )


def is_rolled_back(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return (
        "database" in fixtures
        and not fixtures & _NOT_ROLLED_BACK
        and item.get_closest_marker("committed") is None
        and item.get_closest_marker("slow") is None
    )


def main(database: str) -> int:
    if hasattr(os, "sched_setaffinity"):  # Linux; a database server that is started stays there too
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rate = Rate()
    options = ["-qq", "--no-header", "--no-summary", "tests/integration", f"--database={database}"]
    code = pytest.main(options, plugins=[rate])
    wanted = f"at least {_WANTED[database]} wanted"
    print(f"Rollback tests of {Path.cwd().name} on {database}: {rate}; {wanted}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
