from collections.abc import Iterator

import pytest

import workspace
from service_testing.new_database import NewDatabase
from service_testing.ports import free_port
from tests.e2e.processes import LocalStack, local_stack
from tests.e2e.stash import STACK


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--schemathesis",
        default="",
        metavar="OPTIONS",
        help="more options for `schemathesis run`, such as \"--seed=2 --include-name='GET /items/'\"",
    )


@pytest.fixture(scope="session")
def events_port() -> int:
    """Where hooks.py receives events instead of a subscriber, to learn the token of a delivery."""
    return free_port()


@pytest.fixture(scope="session")
def described_stack(
    new_database: NewDatabase,
    events_port: int,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Iterator[LocalStack]:
    """Processes on new databases; hooks.py is each subscriber."""
    here = f"http://127.0.0.1:{events_port}"
    settings: dict[str, dict[str, str]] = {}
    for each in workspace.services():
        for publisher in each.subscribes:
            subscribers = settings.setdefault(publisher, {"EVENTS_SUBSCRIBERS": ""})
            subscribers["EVENTS_SUBSCRIBERS"] += f"{each.name}={here}/{each.name}/,"
    folder = tmp_path_factory.mktemp("logs")
    with local_stack(new_database, folder, settings) as stack:
        pytestconfig.stash[STACK] = stack
        stack.start()
        yield stack
