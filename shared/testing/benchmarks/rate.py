"""Tests a second: the service's own tests in rollback mode, on one core."""

import os
import sys
import time
from pathlib import Path

import pytest

_NOT_ROLLED_BACK = {"live_server", "spare_database_url", "empty_database_url"}


class Rate:
    """Keeps the tests in rollback mode, and times them from the first one's start."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, float]] = []

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        kept = [item for item in items if is_rolled_back(item)]
        dropped = [item for item in items if item not in set(kept)]
        items[:] = kept
        config.hook.pytest_deselected(items=dropped)

    def pytest_runtest_logfinish(self) -> None:
        self.ends.append((time.perf_counter(), time.process_time()))

    def __str__(self) -> str:
        # From the end of the first: its set-up has the start of the app and of the database in it.
        seconds, cpu_seconds = (
            last - first for first, last in zip(self.ends[0], self.ends[-1], strict=True)
        )
        tests = len(self.ends) - 1
        # On a busy machine the second says more; a database server's time isn't in it.
        return (
            f"{tests} tests in rollback mode, {tests / seconds:.0f} a second, "
            f"{tests / cpu_seconds:.0f} a second of this process's CPU"
        )


def is_rolled_back(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return (
        "database" in fixtures
        and not fixtures & _NOT_ROLLED_BACK
        and item.get_closest_marker("committed") is None
        and item.get_closest_marker("slow") is None
    )


def main(folder: Path, arguments: list[str]) -> int:
    os.chdir(folder)
    if hasattr(os, "sched_setaffinity"):  # Linux; a database server that is started stays there too
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rate = Rate()
    options = ["-qq", "--no-header", "--no-summary", "tests/integration", *arguments]
    code = pytest.main(options, plugins=[rate])
    print(f"{folder}, {' '.join(arguments) or '--database=sqlite'}: {rate}")
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
