"""`GET /items/`: what the comparison with a model (`test_list_items_model.py`) doesn't show."""

from typing import Any

import pytest

from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_paginated_response, assert_validation_error
from service_testing.client import AppClient
from service_testing.queries import QueryCounter
from tests.factories import create_items, create_owner
from tests.fake_users import FakeUsers
from tests.helpers import assert_item_response, create_item


async def listed(client: AppClient, **query: Any) -> list[int]:
    """The ids on the page that the query asks for."""
    body = assert_paginated_response(await client.get("/items/", params=query))
    return [item["id"] for item in body["items"]]


class TestListItems:
    async def test_list_items_without_token_returns_all_items(
        self, client: AppClient, user_client: AppClient, other_client: AppClient
    ) -> None:
        created = [(await create_item(caller)).json() for caller in (user_client, other_client)]
        body = assert_paginated_response(await client.get("/items/"))
        assert body == {
            "items": created[::-1],
            "total": 2,
            "total_is_exact": True,
            "page": 1,
            "size": 20,
            "pages": 1,
            "next": None,
        }

    async def test_list_items_without_items_returns_an_empty_page(self, client: AppClient) -> None:
        body = assert_paginated_response(await client.get("/items/"), count=0, total=0, page=1)
        assert body["pages"] == 0
        assert body["next"] is None

    async def test_list_items_succeeds_while_users_is_down(
        self, client: AppClient, users: FakeUsers, session: WriteSession
    ) -> None:
        await create_owner(session)
        await create_items(session, {})
        users.is_down = True
        assert_paginated_response(await client.get("/items/"), count=1)
        assert users.lookups == 0

    @pytest.mark.parametrize("size", [1, 100])
    async def test_list_items_runs_two_statements_for_any_page_size(
        self, client: AppClient, session: WriteSession, query_counter: QueryCounter, size: int
    ) -> None:
        for owner_id in (1, 2, 3):
            await create_owner(session, owner_id=owner_id)
        await create_items(session, *({"owner_id": 1 + n % 3} for n in range(120)))
        with query_counter.at_most(2):
            page = await client.get("/items/", params={"size": size})
        assert_paginated_response(page, count=size, total=120)


class TestListItemsPages:
    @pytest.mark.parametrize(("total", "sizes"), [(20, [20]), (21, [20, 1])])
    async def test_list_items_returns_twenty_items_by_default(
        self, client: AppClient, session: WriteSession, total: int, sizes: list[int]
    ) -> None:
        await create_owner(session)
        await create_items(session, *({} for _ in range(total)))
        assert [len(await listed(client, page=n)) for n in range(1, len(sizes) + 1)] == sizes

    @pytest.mark.parametrize("size", [1, 100])
    async def test_list_items_accepts_a_size_at_the_limit(
        self, client: AppClient, size: int
    ) -> None:
        response = await client.get("/items/", params={"size": size})
        assert assert_paginated_response(response)["size"] == size

    @pytest.mark.parametrize(
        ("field", "value"), [("size", "0"), ("size", "101"), ("page", "0"), ("page", "251")]
    )
    async def test_list_items_with_a_page_or_size_out_of_range_returns_422(
        self, client: AppClient, field: str, value: str
    ) -> None:
        response = await client.get("/items/", params={field: value})
        assert_validation_error(response, ["query", field])


class TestListItemsOrder:
    async def test_list_items_returns_the_newest_first_by_default(
        self, client: AppClient, session: WriteSession
    ) -> None:
        await create_owner(session)
        ages = [{"age_seconds": 3}, {"age_seconds": 1}, {"age_seconds": 2}]
        old, new, middle = await create_items(session, *ages)
        assert await listed(client) == [new, middle, old]

    async def test_list_items_sorts_names_by_code_point(
        self, client: AppClient, session: WriteSession
    ) -> None:
        await create_owner(session)
        names = ["ä", "b", "B", "a", "_", "Z", "\U0001f6b2", "\uffee", "ab", "a b", "1", "-"]
        ids = await create_items(session, *({"name": name} for name in names))
        expected = [item_id for _, item_id in sorted(zip(names, ids, strict=True))]
        assert await listed(client, sort="name") == expected
        assert await listed(client, sort="-name") == expected[::-1]

    @pytest.mark.parametrize("sort", ["", "id", "+price", "price,name", "PRICE", "--price", "\0"])
    async def test_list_items_with_an_unknown_sort_returns_422(
        self, client: AppClient, sort: str
    ) -> None:
        response = await client.get("/items/", params={"sort": sort})
        assert_validation_error(response, ["query", "sort"])

    async def test_list_items_returns_each_item_like_a_read(
        self, client: AppClient, user_client: AppClient
    ) -> None:
        created = await create_item(user_client)
        (item,) = (await client.get("/items/")).json()["items"]
        assert item == assert_item_response(await client.get(created.headers["Location"]))
