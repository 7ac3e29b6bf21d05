import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.clients import ApiClient, register_user
from tests.e2e.compose import ComposeStack
from tests.e2e.faults.report import Figures, save, table
from tests.e2e.faults.trial import Outcome
from tests.e2e.request_log import RequestLog
from tests.e2e.stack import Stack

FIGURES = pytest.StashKey[list[Figures]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-faults", action="store_true", help="run the slow ones, too")
    parser.addoption(
        "--figures",
        type=Path,
        default=Path("faults.json"),
        metavar="FILE",
        help="where the figures are saved (default: %(default)s)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = []
    config.addinivalue_line("markers", "broker: the fault needs `--events=nats`.")
    config.addinivalue_line(
        "markers",
        "new_project: the test changes the Compose project, so a given one can't be used.",
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
def owner(stack: Stack, request_log: RequestLog) -> Iterator[ApiClient]:
    """A user who exists during the whole test."""
    client = register_user(stack, request_log)
    yield client
    client.close()


@pytest.fixture
def record(pytestconfig: pytest.Config) -> Callable[[Outcome], None]:
    """Adds the figures to the table at the end of the run."""
    return lambda outcome: pytestconfig.stash[FIGURES].append(outcome.figures)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the slow ones without `--all-faults`, and what this stack can't show."""
    unwanted = set() if config.getoption("--all-faults") else {"slow"}
    if config.getoption("--events") != "nats":
        unwanted.add("broker")
    if "E2E_PROJECT" in os.environ:
        unwanted.add("new_project")
    own = [item for item in items if item.path.parent == Path(__file__).parent]
    left_out = [item for item in own if any(map(item.get_closest_marker, unwanted))]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
