"""Assertions about the bodies of users, as its API description publishes them."""

from typing import Any

import httpx

from service_testing.assertions import assert_status

_USER_FIELDS = {"id", "email", "email_verified", "name", "role", "is_active", "created_at"}


def assert_user_response(response: httpx.Response, *, status: int = 200) -> dict[str, Any]:
    """The body has exactly the fields of a user's own view: no password, no hash."""
    __tracebackhide__ = True
    assert_status(response, status)
    body: dict[str, Any] = response.json()
    assert body.keys() == _USER_FIELDS, response.text
    return body
