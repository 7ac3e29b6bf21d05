"""Assertions about the bodies of users and items, as their API descriptions publish them."""

import re
from typing import Any

import httpx

from service_testing.assertions import assert_status

_USER_FIELDS = {"id", "email", "name", "role", "is_active", "created_at"}
_ITEM_FIELDS = {"id", "name", "description", "price", "owner", "created_at", "updated_at"}


def assert_user_response(response: httpx.Response, *, status: int = 200) -> dict[str, Any]:
    """The body has exactly the fields of a user's own view: no password, no hash."""
    __tracebackhide__ = True
    assert_status(response, status)
    body: dict[str, Any] = response.json()
    assert body.keys() == _USER_FIELDS, response.text
    return body


def assert_item_response(
    response: httpx.Response, *, status: int = 200, name: str | None = None
) -> dict[str, Any]:
    """The body has exactly the fields of an item; its price is a string with two decimal places."""
    __tracebackhide__ = True
    assert_status(response, status)
    body: dict[str, Any] = response.json()
    assert body.keys() == _ITEM_FIELDS, response.text
    assert re.fullmatch(r"\d+\.\d\d", body["price"]), response.text
    assert name is None or body["name"] == name, response.text
    return body
