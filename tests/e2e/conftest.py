from collections.abc import Callable, Iterator

import pytest
from calls import CallLog
from people import Person, appoint_admin, register
from stack import Stack

pytest_plugins = ["evidence", "stacks"]


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
