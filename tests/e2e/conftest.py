from collections.abc import Callable, Iterator

import pytest
from people import Person, appoint_admin, register
from processes import Stack

from service_testing.new_database import NewDatabase


@pytest.fixture(scope="session")
def database_urls(new_database: NewDatabase) -> Iterator[dict[str, str]]:
    """An empty database for each service, of the kind that `--database` chooses."""
    with new_database("e2e_users") as users, new_database("e2e_items") as items:
        yield {"users": users, "items": items}


@pytest.fixture(scope="session")
def running_stack(
    database_urls: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    stack = Stack(
        tmp_path_factory.mktemp("logs"),
        users_database=database_urls["users"],
        items_database=database_urls["items"],
    )
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def stack(running_stack: Stack) -> Stack:
    """Both services, up, whatever the test before did to them."""
    for service in running_stack.services:
        service.ensure_ready()
    return running_stack


@pytest.fixture
def new_person(stack: Stack) -> Iterator[Callable[[], Person]]:
    """Registers someone and signs them in."""
    people: list[Person] = []

    def new() -> Person:
        people.append(register(stack))
        return people[-1]

    yield new
    for person in people:
        person.close()


@pytest.fixture
def admin(stack: Stack) -> Iterator[Person]:
    person = appoint_admin(stack)
    yield person
    person.close()
