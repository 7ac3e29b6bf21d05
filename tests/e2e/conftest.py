from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from people import Person, appoint_admin, register
from processes import Stack

from service_testing.databases import create_database, drop_database
from service_testing.run_server import RUN_SERVER


@pytest.fixture(scope="session")
def database_urls(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """An empty database for each service, of the kind that `--database` chooses."""
    if request.config.getoption("--database") == "sqlite":
        folder = tmp_path_factory.mktemp("databases")
        yield {name: f"sqlite:///{folder}/test_{name}.db" for name in ("users", "items")}
        return
    server_url = request.config.stash[RUN_SERVER].url
    names = {name: f"test_e2e_{name}_{uuid4().hex[:8]}" for name in ("users", "items")}
    yield {name: create_database(server_url, database) for name, database in names.items()}
    for database in names.values():
        drop_database(server_url, database)


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
