"""`GET /items/`: the bounded total."""

import pytest

from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_paginated_response
from service_testing.client import AppClient
from tests.factories import create_items, create_owner


@pytest.fixture
async def five_thousand(session: WriteSession) -> list[int]:
    await create_owner(session)
    return await create_items(session, *({"name": f"{n % 2}"} for n in range(5_000)))


class TestListItemsTotal:
    @pytest.mark.slow
    async def test_list_items_counts_up_to_five_thousand(
        self, client: AppClient, session: WriteSession, five_thousand: list[int]
    ) -> None:
        body = assert_paginated_response(await client.get("/items/"), total=5_000)
        assert (body["total_is_exact"], body["pages"]) == (True, 250)

        await create_items(session, {})
        body = assert_paginated_response(await client.get("/items/"), total=5_000)
        assert (body["total_is_exact"], body["pages"]) == (False, 250)

        body = assert_paginated_response(await client.get("/items/?q=1"), total=2_500)
        assert (body["total_is_exact"], body["pages"]) == (True, 125)

        last = (await client.get("/items/", params={"page": 50, "size": 100})).json()
        beyond = await client.get("/items/", params={"size": 100, "after": last["next"]})
        body = assert_paginated_response(beyond, count=1, total=5_000, page=51)
        assert [item["id"] for item in body["items"]] == five_thousand[:1]
