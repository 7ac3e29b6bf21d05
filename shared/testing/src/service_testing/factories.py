"""Valid input for the services, ready for JSON: unique within a test, the same for the same seed.

pytest-randomly seeds faker before each test; a failed test's report says how to get its data again.
"""

from itertools import count
from typing import TypedDict, Unpack

from faker import Faker

# Names as frequent as people's are would cost ten times as much, a few per cent of a service's tests.
_fake = Faker(use_weighting=False)
_serials = [count(1)]


class UserData(TypedDict):
    """The body of `POST /users/`."""

    email: str
    name: str
    password: str


class UserOverrides(TypedDict, total=False):
    email: str
    name: str
    password: str


class ItemData(TypedDict):
    """The body of `POST /items/`."""

    name: str
    description: str | None
    price: str | float


class ItemOverrides(TypedDict, total=False):
    name: str
    description: str | None
    price: str | float


def create_user_data(**overrides: Unpack[UserOverrides]) -> UserData:
    """A new user. For a value of a wrong type write `{**create_user_data(), "name": 1}`."""
    defaults: UserData = {
        "email": f"{_fake.user_name()}.{next(_serials[0])}@example.com",
        "name": _fake.name(),
        "password": _fake.password(length=16),
    }
    _refuse_unknown(overrides.keys() - defaults.keys())
    return {**defaults, **overrides}


def create_item_data(**overrides: Unpack[ItemOverrides]) -> ItemData:
    """A new item; its price is a decimal string."""
    cents = _fake.random_int(1, 99_999)
    defaults: ItemData = {
        "name": f"{_fake.catch_phrase()} {next(_serials[0])}",
        "description": _fake.sentence(),
        "price": f"{cents // 100}.{cents % 100:02}",
    }
    _refuse_unknown(overrides.keys() - defaults.keys())
    return {**defaults, **overrides}


def restart_serials() -> None:
    """Number from 1 again: a test's data must not depend on the tests before it."""
    _serials[0] = count(1)


def _refuse_unknown(names: set[str]) -> None:
    if names:
        raise TypeError(f"unknown fields: {', '.join(sorted(names))}")
