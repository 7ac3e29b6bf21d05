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
from tests.factories import Account, create_accounts, create_user_data
from tests.helpers import assert_user_response

ODD_NUMBERS = [
    "+1",
    "-1",
    "0",
    "1.0",
    " 1",
    "1 ",
    "1_000",
    "0x1",
    "1e1",
    "\u0661",
    "\u00b9",
    "",
    "x",
]


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

    async def test_page_after_the_last_is_empty(self, admin_client: AppClient) -> None:
        response = await admin_client.get("/admin/users/", params={"page": 2})
        body = assert_paginated_response(response, count=0, total=1, page=2)
        assert body["next"] is None

    @pytest.mark.parametrize("size", [1, 100])
    async def test_page_size_may_be_1_to_100(
        self, admin_client: AppClient, session: WriteSession, size: int
    ) -> None:
        await create_accounts(session, 100)
        response = await admin_client.get("/admin/users/", params={"size": size})
        body = assert_paginated_response(response, count=size, total=101)
        assert body["next"] is not None

    @pytest.mark.parametrize("size", ["101", str(2**63), "9" * 30, *ODD_NUMBERS])
    async def test_page_size_out_of_range_returns_422(
        self, admin_client: AppClient, size: str
    ) -> None:
        response = await admin_client.get("/admin/users/", params={"size": size})
        assert_validation_error(response, ["query", "size"])

    @pytest.mark.parametrize("page", [str(2**63), "9" * 30, *ODD_NUMBERS])
    async def test_invalid_page_number_returns_422(
        self, admin_client: AppClient, page: str
    ) -> None:
        response = await admin_client.get("/admin/users/", params={"page": page})
        assert_validation_error(response, ["query", "page"])

    @pytest.mark.parametrize(("page", "size"), [(50, 100), (250, 20), (5_000, 1)])
    async def test_page_that_ends_at_entry_5000_is_the_last(
        self, admin_client: AppClient, page: int, size: int
    ) -> None:
        params = {"page": page, "size": size}
        assert_status(await admin_client.get("/admin/users/", params=params), 200)
        params = {"page": page + 1, "size": size}
        body = assert_validation_error(
            await admin_client.get("/admin/users/", params=params), ["query", "page"]
        )
        assert "after=" in body["detail"][0]["msg"]


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

    async def test_cursor_stays_valid_when_an_earlier_entry_is_deleted(
        self, admin_client: AppClient, session: WriteSession
    ) -> None:
        await create_accounts(session, 4)
        params = {"size": "2", "role": "user"}
        first = (await admin_client.get("/admin/users/", params=params)).json()
        assert_status(await admin_client.delete(f"/admin/users/{first['items'][0]['id']}"), 204)
        response = await admin_client.get(
            "/admin/users/", params={**params, "after": first["next"]}
        )
        names = [account["name"] for account in assert_paginated_response(response)["items"]]
        assert names == ["User 2", "User 3"]

    async def test_cursors_reach_beyond_entry_5000(
        self, admin_client: AppClient, admin: Account, session: WriteSession
    ) -> None:
        await create_accounts(session, 1)
        after = cursor(["id", 51, admin.id, admin.id])
        response = await admin_client.get("/admin/users/", params={"size": 100, "after": after})
        assert_paginated_response(response, count=1, page=51)

    async def test_cursor_with_a_page_number_returns_422(self, admin_client: AppClient) -> None:
        params = {"page": "1", "after": cursor(["id", 2, 1, 1])}
        response = await admin_client.get("/admin/users/", params=params)
        assert_validation_error(response, ["query", "after"])

    @pytest.mark.parametrize(
        "after",
        [
            "",
            "x",
            "é",
            "a" * 1001,
            "nul\0",
            cursor({}),
            cursor([]),
            cursor(["id", 1, 1]),
            cursor(["name", 1, 1, 1]),
            cursor(["id", "1", 1, 1]),
            cursor(["id", 1, "1", 1]),
            cursor(["id", 1, 1, "1"]),
            cursor(["id", 1, 1, True]),
            cursor(["id", 1, 1, -1]),
            cursor(["id", 1, 1, 2**63]),
            cursor(["id", 1, 2**63, 1]),
            cursor(["id", 2**63, 1, 1]),
            cursor(["id", 1, 1.5, 1]),
            cursor(["id", 1, None, 1]),
            cursor([["id"], 1, 1, 1]),
            base64.urlsafe_b64encode(b"[" * 700).decode(),
            base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        ],
        ids=lambda after: ascii(after)[:24],
    )
    async def test_invalid_cursor_returns_422(self, admin_client: AppClient, after: str) -> None:
        response = await admin_client.get("/admin/users/", params={"after": after})
        assert_validation_error(response, ["query", "after"])


class TestTotal:
    async def test_total_is_counted_up_to_5000(
        self, admin_client: AppClient, session: WriteSession
    ) -> None:
        await create_accounts(session, 4_999)
        response = await admin_client.get("/admin/users/")
        body = assert_paginated_response(response, total=5_000)
        assert (body["total_is_exact"], body["pages"]) == (True, 250)
        response = await admin_client.post("/users/", json=create_user_data())
        assert_user_response(response, status=201)
        body = assert_paginated_response(await admin_client.get("/admin/users/"), total=5_000)
        assert (body["total_is_exact"], body["pages"]) == (False, 250)

    async def test_total_takes_one_more_statement(
        self, admin_client: AppClient, session: WriteSession, query_counter: QueryCounter
    ) -> None:
        await create_accounts(session, 30)
        # The administrator, the count, the page.
        with query_counter.at_most(3, ignored="FROM signing_keys"):
            assert_status(await admin_client.get("/admin/users/"), 200)
