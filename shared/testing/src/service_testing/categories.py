"""The category of a test is the folder that it is in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

_CATEGORIES = {
    "unit": "no I/O",
    "integration": "the app and its database",
    "contract": "what services expect of each other",
    "e2e": "workflows across running services",
}
DATABASE = "database"
MARKERS = [
    *(f"{name}: {meaning}; set from the folder." for name, meaning in _CATEGORIES.items()),
    f"{DATABASE}: depends on `--database`; set for tests that use `new_database`.",
]


def category(path: Path) -> str | None:
    """The innermost folder of the path, below `tests`, that names a category."""
    for folder in path.parents:
        if folder.name in _CATEGORIES:
            return folder.name
        if folder.name == "tests":
            break
    return None


def pytest_itemcollected(item: pytest.Item) -> None:
    if name := category(item.path):
        item.add_marker(name)
    if "new_database" in getattr(item, "fixturenames", ()):
        item.add_marker(DATABASE)


@pytest.fixture(autouse=True)
def _no_database_in_unit_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    # Now the names of those fixtures are known, too, that were asked for while the test ran.
    if category(request.path) == "unit" and "new_database" in request.fixturenames:
        pytest.fail(
            "A unit test does no I/O, but this one uses a fixture that opens the database: "
            "move it to the folder `integration`.",
            pytrace=False,
        )
