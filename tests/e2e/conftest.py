from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from calls import CallLog
from keys import STACK
from people import Person, appoint_admin, register
from processes import LocalStack
from stack import Stack

from service_testing.new_database import NewDatabase

pytest_plugins = ["evidence"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stack",
        choices=("local",),
        default="local",
        help="what the tests run against (default: %(default)s)",
    )


@contextmanager
def local_stack(
    new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Two processes, each on an empty database of the kind that `--database` chooses."""
    with new_database("e2e_users") as users, new_database("e2e_items") as items:
        folder = tmp_path_factory.mktemp("logs")
        yield LocalStack(folder, users_database=users, items_database=items)


@pytest.fixture(scope="session")
def running_stack(
    pytestconfig: pytest.Config,
    new_database: NewDatabase,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    with local_stack(new_database, tmp_path_factory) as stack:
        pytestconfig.stash[STACK] = stack
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()


@pytest.fixture
def stack(running_stack: Stack) -> Stack:
    """Both services, up, whatever the test before did to them."""
    for service in running_stack.services:
        service.ensure_ready()
    return running_stack


@pytest.fixture
def new_person(stack: Stack, calls: CallLog) -> Iterator[Callable[[], Person]]:
    """Registers someone and signs them in."""
    people: list[Person] = []

    def new() -> Person:
        people.append(register(stack, calls))
        return people[-1]

    yield new
    for person in people:
        person.close()


@pytest.fixture
def admin(stack: Stack, calls: CallLog) -> Iterator[Person]:
    person = appoint_admin(stack, calls)
    yield person
    person.close()


@pytest.fixture
def anyone(stack: Stack, calls: CallLog) -> Iterator[Person]:
    """Somebody without an account: no token goes out."""
    person = Person(stack, calls, {"email": "", "name": "", "password": ""})
    yield person
    person.close()
