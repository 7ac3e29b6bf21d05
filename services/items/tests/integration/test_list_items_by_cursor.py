"""`GET /items/`: pages by cursor."""

import base64
import json
from typing import Any

import pytest

from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_paginated_response, assert_validation_error
from service_testing.client import AppClient
from tests.factories import create_items, create_owner

SORTS = ["created_at", "-created_at", "price", "-price", "name", "-name"]
EARLIEST, LATEST = "0001-01-01T00:00:00", "9999-12-31T23:59:59"
NO_TIMES: list[Any] = [
    *(
        f"{EARLIEST}+23:59",
        f"{LATEST}-23:59",
        EARLIEST,
        EARLIEST[:10],
        "yesterday",
        "",
        7,
        None,
        [],
    ),
]
NO_CENTS: list[Any] = ["1", 1.5, -1, 2**63, True, None, [], float("nan")]
NO_NAMES: list[Any] = [7, None, [], "a\0", "\ud800"]
TAMPERED: list[list[Any]] = [
    *(["-created_at", 2, value, 1] for value in NO_TIMES),
    *(["price", 2, value, 1] for value in NO_CENTS),
    *(["name", 2, value, 1] for value in NO_NAMES),
]


async def walk(client: AppClient, **query: Any) -> list[dict[str, Any]]:
    """All pages, each by the cursor of the page before."""
    pages = [assert_paginated_response(await client.get("/items/", params=query))]
    while after := pages[-1]["next"]:
        response = await client.get("/items/", params={**query, "after": after})
        pages.append(assert_paginated_response(response))
    return pages


def ids_on(pages: list[dict[str, Any]]) -> list[int]:
    return [item["id"] for page in pages for item in page["items"]]


def cursor_of(*place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).rstrip(b"=").decode()


class TestListItemsByCursor:
    @pytest.mark.parametrize("sort", SORTS)
    async def test_list_items_by_cursor_returns_each_item_once(
        self, client: AppClient, session: WriteSession, sort: str
    ) -> None:
        await create_owner(session)
        rows = [
            {"name": f"N{n % 3}", "price_cents": n % 3, "age_seconds": n % 3} for n in range(10)
        ]
        ids = await create_items(session, *rows)
        pages = await walk(client, sort=sort, size=3)
        whole = await walk(client, sort=sort, size=100)
        assert [page["page"] for page in pages] == [1, 2, 3, 4]
        assert ids_on(pages) == ids_on(whole)
        assert sorted(ids_on(pages)) == ids

    async def test_list_items_by_cursor_returns_only_matching_items(
        self, client: AppClient, session: WriteSession
    ) -> None:
        await create_owner(session)
        ids = await create_items(session, *({"name": f"N{n % 2}"} for n in range(8)))
        pages = await walk(client, q="n1", size=2)
        assert ids_on(pages) == ids[1::2][::-1]
        assert [page["total"] for page in pages] == [4, 4]

    @pytest.mark.parametrize("sort", SORTS)
    async def test_list_items_by_cursor_repeats_and_skips_nothing_while_items_are_added(
        self, client: AppClient, session: WriteSession, sort: str
    ) -> None:
        await create_owner(session)
        before = await create_items(session, *({"price_cents": n % 2} for n in range(6)))
        query, seen = {"sort": sort, "size": "2"}, []
        while True:
            body = assert_paginated_response(await client.get("/items/", params=query))
            seen += [item["id"] for item in body["items"]]
            if body["next"] is None or len(seen) > 20:
                break
            query["after"] = body["next"]
            if len(seen) < 6:
                await create_items(session, {"name": "A", "price_cents": 0}, {"price_cents": 2})
        assert len(seen) == len(set(seen))
        assert set(before) <= set(seen)

    @pytest.mark.parametrize("character", ["x", "ж", "\N{BICYCLIST}", "\x01", '"', "\\"])
    async def test_list_items_continues_after_a_long_name(
        self, client: AppClient, session: WriteSession, character: str
    ) -> None:
        await create_owner(session)
        ids = await create_items(session, *({"name": character * 120} for _ in range(3)))
        assert ids_on(await walk(client, sort="name", size=1)) == ids

    async def test_list_items_continues_by_cursor_from_a_numbered_page(
        self, client: AppClient, session: WriteSession
    ) -> None:
        await create_owner(session)
        ids = await create_items(session, *({} for _ in range(5)))
        second = (await client.get("/items/", params={"page": 2, "size": 2})).json()
        response = await client.get("/items/", params={"size": 2, "after": second["next"]})
        body = assert_paginated_response(response, count=1, total=5, page=3)
        assert ids_on([second, body]) == ids[:3][::-1]


class TestListItemsCursor:
    async def test_list_items_with_cursor_and_page_returns_422(
        self, client: AppClient, session: WriteSession
    ) -> None:
        await create_owner(session)
        await create_items(session, {}, {})
        after = (await client.get("/items/", params={"size": 1})).json()["next"]
        response = await client.get("/items/", params={"size": 1, "after": after, "page": 1})
        assert_validation_error(response, ["query", "after"])

    @pytest.mark.parametrize("sort", SORTS)
    @pytest.mark.parametrize("other", SORTS)
    async def test_list_items_with_a_cursor_of_another_sort_returns_422(
        self, client: AppClient, session: WriteSession, sort: str, other: str
    ) -> None:
        await create_owner(session)
        await create_items(session, {}, {})
        after = (await client.get("/items/", params={"size": 1, "sort": sort})).json()["next"]
        response = await client.get("/items/", params={"size": 1, "sort": other, "after": after})
        if sort == other:
            assert_paginated_response(response, count=1, total=2, page=2)
        else:
            assert_validation_error(response, ["query", "after"])

    @pytest.mark.parametrize("place", TAMPERED, ids=repr)
    async def test_list_items_with_a_forged_cursor_returns_422(
        self, client: AppClient, place: list[Any]
    ) -> None:
        response = await client.get(
            "/items/", params={"sort": place[0], "after": cursor_of(*place)}
        )
        assert_validation_error(response, ["query", "after"])
