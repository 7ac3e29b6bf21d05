"""`GET /items/`: how many there are, when there are many."""

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from service_testing.assertions import assert_paginated_response
from service_testing.client import AppClient
from tests.stock import add_items, add_owner


@pytest.fixture
async def ten_thousand(session: AsyncSession) -> list[int]:
    await add_owner(session)
    return await add_items(session, *({"name": f"{n % 2}"} for n in range(10_000)))


class TestListItemsTotal:
    @pytest.mark.slow
    async def test_list_items_counts_up_to_ten_thousand(
        self, client: AppClient, session: AsyncSession, ten_thousand: list[int]
    ) -> None:
        body = assert_paginated_response(await client.get("/items/"), total=10_000)
        assert (body["total_is_exact"], body["pages"]) == (True, 500)

        await add_items(session, {})
        body = assert_paginated_response(await client.get("/items/"), total=10_000)
        assert (body["total_is_exact"], body["pages"]) == (False, 500)

        body = assert_paginated_response(await client.get("/items/?q=1"), total=5_000)
        assert (body["total_is_exact"], body["pages"]) == (True, 250)

        last = (await client.get("/items/", params={"page": 100, "size": 100})).json()
        beyond = await client.get("/items/", params={"size": 100, "after": last["next"]})
        body = assert_paginated_response(beyond, count=1, total=10_000, page=101)
        assert [item["id"] for item in body["items"]] == ten_thousand[:1]
