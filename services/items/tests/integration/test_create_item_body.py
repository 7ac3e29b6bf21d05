"""The body of `POST /items/`, without the price."""

from typing import Any

import pytest

from service_testing.assertions import assert_error_response, assert_validation_error
from service_testing.client import AppClient
from tests.factories import create_item_data
from tests.helpers import JSON, assert_item_response

WIDEST = "\N{BICYCLIST}"
"""A character of four bytes."""


class TestCreateItemName:
    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            ("x", "x"),
            ("  x\t", "x"),
            ("\u00a0x\u3000", "x"),
            ("two  words", "two  words"),
            ("x" * 120, "x" * 120),
            (f"  {'x' * 120}  ", "x" * 120),
            (WIDEST * 120, WIDEST * 120),
        ],
        ids=lambda name: f"{len(name)} characters",
    )
    async def test_create_item_trims_the_name(
        self, user_client: AppClient, sent: str, shown: str
    ) -> None:
        response = await user_client.post("/items/", json=create_item_data(name=sent))
        assert_item_response(response, status=201, name=shown)
        assert_item_response(await user_client.get(response.headers["Location"]), name=shown)

    @pytest.mark.parametrize(
        "name",
        [
            "",
            " ",
            "\t\n",
            "\u00a0",
            "x" * 121,
            f" {'x' * 121} ",
            "a\0b",
            "\0",
            7,
            True,
            None,
            [],
            {},
        ],
        ids=lambda name: repr(name)[:20],
    )
    async def test_create_item_with_an_invalid_name_returns_422(
        self, user_client: AppClient, name: Any
    ) -> None:
        data = {**create_item_data(), "name": name}
        assert_validation_error(await user_client.post("/items/", json=data), ["body", "name"])

    async def test_create_item_without_a_name_returns_422(self, user_client: AppClient) -> None:
        response = await user_client.post("/items/", json={"price": "1.00"})
        assert_validation_error(response, ["body", "name"])


class TestCreateItemDescription:
    @pytest.mark.parametrize(
        "description",
        [None, "", " not trimmed ", "x" * 2000, WIDEST * 2000, "two\nlines", "\x01\u202e"],
        ids=lambda description: repr(description)[:20],
    )
    async def test_create_item_stores_the_description_unchanged(
        self, user_client: AppClient, description: str | None
    ) -> None:
        data = create_item_data(description=description)
        body = assert_item_response(await user_client.post("/items/", json=data), status=201)
        assert body["description"] == description
        stored = assert_item_response(await user_client.get(f"/items/{body['id']}"))
        assert stored["description"] == description

    async def test_create_item_without_a_description_stores_null(
        self, user_client: AppClient
    ) -> None:
        response = await user_client.post("/items/", json={"name": "Lamp", "price": "1.00"})
        assert assert_item_response(response, status=201)["description"] is None

    @pytest.mark.parametrize(
        "description", ["x" * 2001, "a\0b", 7, False, [], {}], ids=lambda value: repr(value)[:20]
    )
    async def test_create_item_with_an_invalid_description_returns_422(
        self, user_client: AppClient, description: Any
    ) -> None:
        data = {**create_item_data(), "description": description}
        response = await user_client.post("/items/", json=data)
        assert_validation_error(response, ["body", "description"])


class TestCreateItemBody:
    @pytest.mark.parametrize(
        "field",
        ["id", "owner", "owner_id", "created_at", "version", "search_text", "Name", "", "\0"],
    )
    async def test_create_item_with_an_unknown_field_returns_422(
        self, user_client: AppClient, field: str
    ) -> None:
        data = {**create_item_data(), field: 1}
        assert_validation_error(await user_client.post("/items/", json=data), ["body", field])

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
