"""Assertions about the bodies of items, as their API description publishes them."""

import re
from typing import Any

import httpx

from service_testing.assertions import assert_status

_ITEM_FIELDS = {"id", "name", "description", "price", "owner", "created_at", "updated_at"}


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
