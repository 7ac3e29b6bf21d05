"""`PATCH /items/{id}` with `If-Match`."""

import httpx
import pytest
from sqlalchemy import update

from app.models import Owner
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient
from tests.helpers import assert_item_response, create_item


def if_match(*lines: str) -> httpx.Headers:
    return httpx.Headers([("If-Match", line) for line in lines])


class TestUpdateItemIfMatch:
    @pytest.mark.parametrize(
        ("lines", "status"),
        [
            (["{}"], 200),
            (["*"], 200),
            (['"x"', "{}"], 200),
            (["W/{}"], 412),
            ([""], 412),
            (["x", "{}"], 412),
        ],
    )
    async def test_update_item_needs_a_matching_etag(
        self, user_client: AppClient, lines: list[str], status: int
    ) -> None:
        created = await create_item(user_client, name="Old")
        headers = if_match(*(line.format(created.headers["ETag"]) for line in lines))
        path = created.headers["Location"]
        response = await user_client.patch(path, json={"name": "New"}, headers=headers)
        assert_status(response, status)
        name = "New" if status == 200 else "Old"
        assert_item_response(await user_client.get(path), name=name)

    async def test_update_item_with_a_stale_etag_returns_412(self, user_client: AppClient) -> None:
        created = await create_item(user_client)
        path, headers = created.headers["Location"], if_match(created.headers["ETag"])
        first = await user_client.patch(path, json={"price": "1.00"}, headers=headers)
        second = await user_client.patch(path, json={"price": "2.00"}, headers=headers)
        assert_item_response(first)
        assert_error_response(second, 412, "precondition_failed")
        third = if_match(first.headers["ETag"])
        response = await user_client.patch(path, json={"price": "3.00"}, headers=third)
        assert assert_item_response(response)["price"] == "3.00"

    async def test_update_item_with_the_etag_before_a_rename_of_its_owner_returns_412(
        self, user_client: AppClient, session: WriteSession
    ) -> None:
        created = await create_item(user_client)
        await session.exec(update(Owner).values(name="Countess", version=1))
        await session.commit()
        path, headers = created.headers["Location"], if_match(created.headers["ETag"])
        response = await user_client.patch(path, json={"price": "1.00"}, headers=headers)
        assert_error_response(response, 412, "precondition_failed")

    async def test_update_missing_item_with_a_condition_returns_404(
        self, user_client: AppClient
    ) -> None:
        for condition in ("*", '"x"'):
            response = await user_client.patch("/items/1", json={}, headers=if_match(condition))
            assert_error_response(response, 404, "not_found")

    async def test_update_item_of_another_user_with_a_condition_returns_403(
        self, user_client: AppClient, other_client: AppClient
    ) -> None:
        path = (await create_item(user_client)).headers["Location"]
        for condition in ("*", '"x"'):
            response = await other_client.patch(path, json={}, headers=if_match(condition))
            assert_error_response(response, 403, "forbidden")
