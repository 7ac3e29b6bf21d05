"""The running product as a fixture: `--stack=local` or `--stack=compose`. A pytest plugin.

E2E_PROJECT and E2E_URL name a Compose project that runs already, and where its proxy is reached; so the same
tests run in a container beside it.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest
from compose import ComposeStack
from containers import EngineMissing
from keys import STACK
from own_compose import OwnComposeStack
from processes import LocalStack
from stack import Stack

from service_testing.new_database import NewDatabase

LOCAL, COMPOSE = "local", "compose"
PROJECT_VARIABLE, URL_VARIABLE = "E2E_PROJECT", "E2E_URL"
_ONLY = "only_on(stack, reason): the test says nothing about the other kind of stack."


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stack",
        choices=(LOCAL, COMPOSE),
        default=LOCAL,
        help="what the tests run against: processes or containers (default: %(default)s)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _ONLY)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about the other kind of stack, and let the tests reach the given one."""
    chosen = config.getoption("--stack")
    others = [item for item in items if _is_about_another(item, chosen)]
    items[:] = [item for item in items if item not in others]
    config.hook.pytest_deselected(items=others)
    if host := urlsplit(os.environ.get(URL_VARIABLE, "")).hostname:
        for item in items:
            item.add_marker(pytest.mark.allow_hosts(host))


def _is_about_another(item: pytest.Item, chosen: str) -> bool:
    mark = item.get_closest_marker("only_on")
    return mark is not None and mark.args[0] != chosen


@pytest.fixture(scope="session")
def copies() -> dict[str, int]:
    """How many containers of which service, in a project of this run's own: as in production."""
    return {"users": 2, "items": 2}


@contextmanager
def local_stack(
    new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Two processes, each on an empty database of the kind that `--database` chooses."""
    with new_database("e2e_users") as users, new_database("e2e_items") as items:
        folder = tmp_path_factory.mktemp("logs")
        yield LocalStack(folder, users_database=users, items_database=items)


@contextmanager
def compose_stack(
    copies: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A given project, or one of this run's own."""
    try:
        if project := os.environ.get(PROJECT_VARIABLE):
            yield ComposeStack(project, os.environ[URL_VARIABLE])
        else:
            yield OwnComposeStack(tmp_path_factory.mktemp("compose"), copies)
    except EngineMissing as error:
        # One line instead of the same error for each test.
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="session")
def running_stack(
    request: pytest.FixtureRequest,
    new_database: NewDatabase,
    copies: dict[str, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Stack:
    closing = ExitStack()
    # Not at the end of a block: one that fails to start is still looked at.
    request.addfinalizer(closing.close)  # noqa: PT021
    if request.config.getoption("--stack") == LOCAL:
        stack = closing.enter_context(local_stack(new_database, tmp_path_factory))
    else:
        stack = closing.enter_context(compose_stack(copies, tmp_path_factory))
    request.config.stash[STACK] = stack
    closing.callback(stack.stop)
    stack.start()
    return stack


@pytest.fixture
def stack(running_stack: Stack) -> Stack:
    """Both services, up, whatever the test before did to them."""
    for service in running_stack.services:
        service.ensure_ready()
    return running_stack
