"""The running stack as a fixture: `--stack=local` or `--stack=compose`. A pytest plugin.

E2E_PROJECT and E2E_URL name a running Compose project and the address of its proxy. The tests then use it
instead of starting one; so they can run in a container of the same network.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest

import workspace
from service_testing.new_database import NewDatabase
from tests.e2e.compose import ComposeStack
from tests.e2e.compose_project import NewComposeStack
from tests.e2e.containers import EngineMissing
from tests.e2e.processes import local_stack
from tests.e2e.stack import Stack
from tests.e2e.stash import STACK

LOCAL, COMPOSE = "local", "compose"
PROJECT_VARIABLE, URL_VARIABLE = "E2E_PROJECT", "E2E_URL"
_ONLY_ON = "only_on(stack, reason): the test applies to this kind of stack only."


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stack",
        choices=(LOCAL, COMPOSE),
        default=LOCAL,
        help="what the tests run against: processes or containers (default: %(default)s)",
    )
    parser.addoption(
        "--events",
        choices=("http", "nats"),
        default="http",
        help="how events are delivered (default: %(default)s)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _ONLY_ON)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests of the other kind of stack, and allow sockets to a given one."""
    chosen = config.getoption("--stack")
    others = [item for item in items if _is_for_another(item, chosen)]
    items[:] = [item for item in items if item not in others]
    config.hook.pytest_deselected(items=others)
    if host := urlsplit(os.environ.get(URL_VARIABLE, "")).hostname:
        for item in items:
            item.add_marker(pytest.mark.allow_hosts(host))


def _is_for_another(item: pytest.Item, chosen: str) -> bool:
    mark = item.get_closest_marker("only_on")
    return mark is not None and mark.args[0] != chosen


@pytest.fixture(scope="session")
def copies() -> dict[str, int]:
    """How many containers each service gets in a new Compose project: several, as in production."""
    return {service.name: 2 for service in workspace.services()}


@pytest.fixture(scope="session")
def events_transport(pytestconfig: pytest.Config) -> str:
    """How events are delivered: "http" or "nats"."""
    transport: str = pytestconfig.getoption("--events")
    return transport


@contextmanager
def compose_stack(
    copies: dict[str, int], events: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A given Compose project, or a new one."""
    try:
        if project := os.environ.get(PROJECT_VARIABLE):
            stack = ComposeStack(project, os.environ[URL_VARIABLE])
        else:
            stack = NewComposeStack(tmp_path_factory.mktemp("compose"), copies, events=events)
    except EngineMissing as error:
        # One line instead of the same error for each test.
        pytest.exit(str(error), returncode=1)
    try:
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="session")
def running_stack(
    request: pytest.FixtureRequest,
    new_database: NewDatabase,
    copies: dict[str, int],
    tmp_path_factory: pytest.TempPathFactory,
    events_transport: str,
) -> Stack:
    closing = ExitStack()
    # A finalizer, so that the evidence of a failed start is collected before the stack goes.
    request.addfinalizer(closing.close)  # noqa: PT021
    if request.config.getoption("--stack") == LOCAL:
        folder = tmp_path_factory.mktemp("logs")
        stack: Stack = closing.enter_context(
            local_stack(new_database, folder, events=events_transport)
        )
    else:
        stack = closing.enter_context(compose_stack(copies, events_transport, tmp_path_factory))
    request.config.stash[STACK] = stack
    stack.start()
    return stack


@pytest.fixture
def stack(running_stack: Stack) -> Stack:
    """All services, ready again after the test before."""
    for service in running_stack.services:
        service.ensure_ready()
    return running_stack
