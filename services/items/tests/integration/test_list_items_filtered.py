"""`GET /items/`: its filters."""

from typing import Any

import pytest

from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_paginated_response, assert_validation_error
from service_testing.client import AppClient
from tests.factories import create_items, create_owner


async def names(client: AppClient, **query: Any) -> list[str]:
    """The names of the items that the query finds, the oldest first."""
    response = await client.get("/items/", params={**query, "sort": "created_at"})
    body = assert_paginated_response(response, total=len(response.json().get("items", [])))
    return [item["name"] for item in body["items"]]


class TestListItemsByOwner:
    async def test_list_items_by_owner_returns_only_their_items(
        self, client: AppClient, session: WriteSession
    ) -> None:
        for owner_id in (1, 2, 2**63 - 1):
            await create_owner(session, owner_id=owner_id)
            await create_items(session, {"owner_id": owner_id, "name": f"Of {owner_id}"})
        for owner_id in (1, 2, 2**63 - 1):
            assert await names(client, owner_id=owner_id) == [f"Of {owner_id}"]
        assert await names(client, owner_id=3) == []

    @pytest.mark.parametrize("owner_id", ["0", "-1", "+1", "1.0", "x", "", str(2**63)])
    async def test_list_items_with_an_invalid_owner_id_returns_422(
        self, client: AppClient, owner_id: str
    ) -> None:
        response = await client.get("/items/", params={"owner_id": owner_id})
        assert_validation_error(response, ["query", "owner_id"])


class TestListItemsByText:
    @pytest.mark.parametrize(
        "text",
        [
            *("Äpfel", "äPFEL", "a\u0308pfel", "pfel", "straße", "STRASSE", "ßE", "ЖУК", "жук"),
            *("100%", "%", "a_b", "_", "back\\slash", "\\", "it's", "'", "--", "a/b", '"', "**"),
        ],
    )
    async def test_list_items_finds_literal_parts_of_name_and_description(
        self, client: AppClient, session: WriteSession, text: str
    ) -> None:
        await create_owner(session)
        text_with_all = "Äpfel Straße жук 100% a_b back\\slash it's -- a/b \" **"
        await create_items(
            session,
            {"name": text_with_all},
            {"name": "Described", "description": text_with_all},
            {"name": "Other", "description": "Apple Strase 1000 acb backslash"},
        )
        assert await names(client, q=text) == [text_with_all, "Described"]

    @pytest.mark.parametrize("text", ["p\nO", "pO", "\n", "xyz", "l%p", "l_mp", "*"])
    async def test_list_items_returns_nothing_for_other_text(
        self, client: AppClient, session: WriteSession, text: str
    ) -> None:
        await create_owner(session)
        await create_items(session, {"name": "Lamp", "description": "Of-brass"})
        assert await names(client, q=text) == []

    async def test_list_items_accepts_text_of_two_hundred_characters(
        self, client: AppClient
    ) -> None:
        assert await names(client, q="%" * 200) == []

    @pytest.mark.parametrize("text", ["x" * 201, "a\0"], ids=["too long", "NUL"])
    async def test_list_items_with_invalid_text_returns_422(
        self, client: AppClient, text: str
    ) -> None:
        response = await client.get("/items/", params={"q": text})
        assert_validation_error(response, ["query", "q"])


class TestListItemsByPrice:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"min_price": "99999999.99"}, ["dearest"]),
            ({"max_price": "99999999.98"}, ["free", "one"]),
            ({"min_price": "0.01", "max_price": "1.00"}, ["one"]),
            ({"min_price": "2", "max_price": "1"}, []),
        ],
    )
    async def test_list_items_by_price_includes_both_limits(
        self, client: AppClient, session: WriteSession, query: dict[str, str], expected: list[str]
    ) -> None:
        await create_owner(session)
        prices = {"free": 0, "one": 100, "dearest": 99_999_999_99}
        await create_items(session, *({"name": n, "price_cents": c} for n, c in prices.items()))
        assert await names(client, **query) == expected

    @pytest.mark.parametrize("field", ["min_price", "max_price"])
    @pytest.mark.parametrize("value", ["", "-1", "0.001", "100000000", "x"])
    async def test_list_items_with_an_invalid_price_returns_422(
        self, client: AppClient, field: str, value: str
    ) -> None:
        response = await client.get("/items/", params={field: value})
        assert_validation_error(response, ["query", field])
