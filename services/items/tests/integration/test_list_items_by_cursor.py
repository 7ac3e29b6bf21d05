"""`GET /items/`: pages by cursor."""

import base64
import json
from typing import Any

import pytest

from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_paginated_response, assert_validation_error
from service_testing.client import AppClient
from tests.factories import create_items, create_owner

EARLIEST, LATEST = "0001-01-01T00:00:00", "9999-12-31T23:59:59"
NO_TIMES: list[Any] = [f"{EARLIEST}+23:59", f"{LATEST}-23:59", EARLIEST, "yesterday", "", 7, None]
NO_CENTS: list[Any] = ["1", 1.5, -1, 2**63, True, None, [], float("nan")]
NO_NAMES: list[Any] = [7, None, [], "a\0", "\ud800"]
TAMPERED: list[list[Any]] = [
    *(["-created_at", 2, value, 1] for value in NO_TIMES),
    *(["price", 2, value, 1] for value in NO_CENTS),
    *(["name", 2, value, 1] for value in NO_NAMES),
]


def cursor_of(*place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).rstrip(b"=").decode()


async def walk(client: AppClient, **query: Any) -> list[int]:
    """The ids on all pages, each read by the cursor of the page before."""
    ids: list[int] = []
    after: dict[str, str] | None = {}
    while after is not None:
        response = await client.get("/items/", params={**query, **after})
        body = assert_paginated_response(response)
        ids += [item["id"] for item in body["items"]]
        after = {"after": body["next"]} if body["next"] else None
    return ids


class TestListItemsByCursor:
    @pytest.mark.parametrize("size", [1, 2, 100])
    @pytest.mark.parametrize(
        ("sort", "order"),
        [("created_at", [0, 2, 3, 1]), ("price", [1, 2, 3, 0]), ("name", [2, 0, 1, 3])],
    )
    async def test_list_items_by_cursor_returns_each_item_once_in_both_directions(
        self, client: AppClient, session: WriteSession, sort: str, order: list[int], size: int
    ) -> None:
        await create_owner(session)
        ids = await create_items(
            session,
            {"age_seconds": 4, "price_cents": 300, "name": "B"},
            {"age_seconds": 1, "price_cents": 100, "name": "C"},
            {"age_seconds": 3, "price_cents": 100, "name": "A"},
            {"age_seconds": 2, "price_cents": 200, "name": "C"},
        )
        expected = [ids[index] for index in order]
        assert await walk(client, sort=sort, size=size) == expected
        assert await walk(client, sort=f"-{sort}", size=size) == expected[::-1]

    @pytest.mark.parametrize("character", ["x", "ж", "\N{BICYCLIST}", "\x01", '"', "\\"])
    async def test_list_items_continues_after_a_long_name(
        self, client: AppClient, session: WriteSession, character: str
    ) -> None:
        await create_owner(session)
        ids = await create_items(session, *({"name": character * 120} for _ in range(3)))
        assert await walk(client, sort="name", size=1) == ids


class TestListItemsCursor:
    @pytest.mark.parametrize("place", TAMPERED, ids=repr)
    async def test_list_items_with_a_forged_cursor_returns_422(
        self, client: AppClient, place: list[Any]
    ) -> None:
        response = await client.get(
            "/items/", params={"sort": place[0], "after": cursor_of(*place)}
        )
        assert_validation_error(response, ["query", "after"])
