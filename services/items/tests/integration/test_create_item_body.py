"""The body of `POST /items/`, without the price. The chassis tests the kinds of text."""

from typing import Any

import pytest

from service_testing.assertions import assert_error_response, assert_validation_error
from service_testing.client import AppClient
from tests.factories import create_item_data
from tests.helpers import JSON, assert_item_response

NO_NAMES: list[Any] = ["", "\t\n\u00a0", "x" * 121, "a\0b", 7, True, None, []]
NO_DESCRIPTIONS: list[Any] = ["x" * 2001, "a\0b", 7, False, {}]
UNKNOWN = ["id", "owner_id", "version", "search_text", "Name", "", "\0"]
WIDEST = "\N{BICYCLIST}"
"""A character of four bytes."""


class TestCreateItemBody:
    @pytest.mark.parametrize(
        ("field", "sent", "stored"),
        [
            ("name", "x", "x"),
            ("name", f"  {'x' * 120}\u3000", "x" * 120),
            ("name", WIDEST * 120, WIDEST * 120),
            *(
                ("description", text, text)
                for text in (None, "", " not trimmed ", "x" * 2000, WIDEST * 2000, "\x01\u202e\n")
            ),
        ],
        ids=lambda value: repr(value)[:20],
    )
    async def test_create_item_stores_valid_text(
        self, user_client: AppClient, field: str, sent: str | None, stored: str | None
    ) -> None:
        response = await user_client.post("/items/", json={**create_item_data(), field: sent})
        assert assert_item_response(response, status=201)[field] == stored
        read = await user_client.get(response.headers["Location"])
        assert assert_item_response(read)[field] == stored

    async def test_create_item_without_a_description_stores_null(
        self, user_client: AppClient
    ) -> None:
        response = await user_client.post("/items/", json={"name": "Lamp", "price": "1.00"})
        assert assert_item_response(response, status=201)["description"] is None

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *(("name", value) for value in NO_NAMES),
            *(("description", value) for value in NO_DESCRIPTIONS),
            *((field, 1) for field in UNKNOWN),
        ],
        ids=lambda value: repr(value)[:20],
    )
    async def test_create_item_with_an_invalid_or_unknown_field_returns_422(
        self, user_client: AppClient, field: str, value: Any
    ) -> None:
        data = {**create_item_data(), field: value}
        assert_validation_error(await user_client.post("/items/", json=data), ["body", field])

    async def test_create_item_without_a_name_returns_422(self, user_client: AppClient) -> None:
        response = await user_client.post("/items/", json={"price": "1.00"})
        assert_validation_error(response, ["body", "name"])

    @pytest.mark.parametrize("field", ["name", "description"])
    async def test_create_item_with_a_lone_surrogate_returns_422(
        self, user_client: AppClient, field: str
    ) -> None:
        content = f'{{"name": "Lamp", "price": "1.00", "{field}": "a\\ud800"}}'
        response = await user_client.post("/items/", content=content, headers=JSON)
        assert_validation_error(response, ["body", field])

    async def test_create_item_error_does_not_repeat_the_input(
        self, user_client: AppClient
    ) -> None:
        data = {"name": ["hunter2"], "price": "hunter2", "description": {"hunter2": 1}}
        response = await user_client.post("/items/", json=data)
        assert_error_response(response, 422, "validation_error")
        assert "hunter2" not in response.text
