import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from calls import CallLog
from compose import ComposeStack
from people import Person, register
from report import Figures, save, table
from stack import Stack
from trial import Outcome

pytest_plugins = ["evidence", "stacks"]

FIGURES = pytest.StashKey[list[Figures]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-faults", action="store_true", help="not only the quick ones")
    parser.addoption(
        "--figures",
        type=Path,
        default=Path("faults.json"),
        metavar="FILE",
        help="where the figures are saved (default: %(default)s)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = []
    config.addinivalue_line(
        "markers", "own_project: the test changes the Compose project, so it must be the run's own."
    )


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if figures := config.stash[FIGURES]:
        path: Path = config.getoption("--figures")
        save(figures, path)
        terminalreporter.section("faults")
        terminalreporter.write_line(table(figures))
        terminalreporter.write_line(f"saved in {path}")


@pytest.fixture
def compose_stack(stack: Stack) -> ComposeStack:
    assert isinstance(stack, ComposeStack)
    return stack


@pytest.fixture
def seller(stack: Stack, calls: CallLog) -> Iterator[Person]:
    """Someone who is there all the while."""
    person = register(stack, calls)
    yield person
    person.close()


@pytest.fixture
def record(pytestconfig: pytest.Config) -> Callable[[Outcome], None]:
    """Puts the figures into the table at the end."""
    return lambda outcome: pytestconfig.stash[FIGURES].append(outcome.figures)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the slow ones, unless all are wanted, and what a given project can't show.

    The head of the run counts them.
    """
    unwanted = set() if config.getoption("--all-faults") else {"slow"}
    if "E2E_PROJECT" in os.environ:
        unwanted.add("own_project")
    left_out = [item for item in items if any(map(item.get_closest_marker, unwanted))]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
