"""The data of an account's events."""

from typing import Any

import pytest

from app.events.user_events import EventType, event_data, event_version
from app.models import User


def user(**changes: Any) -> User:
    return User(
        **{
            "id": 7,
            "email": "ada@example.com",
            "email_key": "ada@example.com",
            "name": "Ada",
            "search_text": "ada",
            "password_hash": "secret hash",
            "role": "admin",
            "version": 3,
            **changes,
        }
    )


@pytest.mark.parametrize("event_type", ["user.created", "user.updated"])
@pytest.mark.parametrize("is_active", [True, False])
def test_data_is_the_state_of_the_account(event_type: EventType, is_active: bool) -> None:
    changed = user(is_active=is_active)
    data = {"id": 7, "name": "Ada", "is_active": is_active, "version": 3}
    assert event_data(event_type, changed) == data
    assert event_version(event_type, changed) == 3


def test_data_of_a_deletion_is_inactive_and_has_the_next_version() -> None:
    data = {"id": 7, "name": "Ada", "is_active": False, "version": 4}
    assert event_data("user.deleted", user()) == data
    assert event_version("user.deleted", user()) == 4
