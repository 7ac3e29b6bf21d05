"""`GET /admin/users/`: pages by number, and by cursor."""

import base64
import json

import pytest

from chassis.db.sessions import WriteSession
from service_testing.assertions import (
    assert_paginated_response,
    assert_status,
    assert_validation_error,
)
from service_testing.client import AppClient
from service_testing.queries import QueryCounter
from tests.factories import Account, create_accounts


def cursor(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


class TestPageNumbers:
    async def test_page_numbers_reach_every_entry_once(
        self, admin_client: AppClient, session: WriteSession
    ) -> None:
        await create_accounts(session, 6)
        seen = []
        for number, count in [(1, 3), (2, 3), (3, 1)]:
            params = {"page": number, "size": 3}
            response = await admin_client.get("/admin/users/", params=params)
            body = assert_paginated_response(response, count=count, total=7, page=number)
            assert (body["size"], body["pages"]) == (3, 3)
            assert (body["next"] is None) == (number == 3)
            seen += [account["id"] for account in body["items"]]
        assert seen == sorted(set(seen))
        assert len(seen) == 7

    async def test_page_size_may_be_100(
        self, admin_client: AppClient, session: WriteSession
    ) -> None:
        await create_accounts(session, 100)
        response = await admin_client.get("/admin/users/", params={"size": 100})
        assert_paginated_response(response, count=100, total=101)

    @pytest.mark.parametrize(
        ("name", "value"), [("size", "0"), ("size", "101"), ("page", "0"), ("page", "251")]
    )
    async def test_page_or_size_out_of_range_returns_422(
        self, admin_client: AppClient, name: str, value: str
    ) -> None:
        response = await admin_client.get("/admin/users/", params={name: value})
        assert_validation_error(response, ["query", name])


class TestCursors:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
    async def test_cursors_reach_every_entry_once(
        self, admin_client: AppClient, session: WriteSession, size: int
    ) -> None:
        await create_accounts(session, 6)
        seen: list[int] = []
        params = {"size": str(size)}
        for number in range(1, 8):
            response = await admin_client.get("/admin/users/", params=params)
            body = assert_paginated_response(response, total=7, page=number)
            seen += [account["id"] for account in body["items"]]
            if body["next"] is None:
                break
            params["after"] = body["next"]
        assert seen == sorted(set(seen))
        assert len(seen) == 7

    async def test_cursors_reach_beyond_entry_5000(
        self, admin_client: AppClient, admin: Account, session: WriteSession
    ) -> None:
        await create_accounts(session, 1)
        after = cursor(["id", 51, admin.id, admin.id])
        response = await admin_client.get("/admin/users/", params={"size": 100, "after": after})
        assert_paginated_response(response, count=1, page=51)

    @pytest.mark.parametrize("after", ["x", cursor(["name", 1, 1, 1]), cursor(["id", 1, "1", 1])])
    async def test_invalid_cursor_returns_422(self, admin_client: AppClient, after: str) -> None:
        response = await admin_client.get("/admin/users/", params={"after": after})
        assert_validation_error(response, ["query", "after"])


class TestTotal:
    async def test_total_takes_one_more_statement(
        self, admin_client: AppClient, session: WriteSession, query_counter: QueryCounter
    ) -> None:
        await create_accounts(session, 30)
        # The administrator, the count, the page.
        with query_counter.at_most(3, ignored="FROM signing_keys"):
            assert_status(await admin_client.get("/admin/users/"), 200)
