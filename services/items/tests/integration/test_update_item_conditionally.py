"""`PATCH /items/{id}` with `If-Match`."""

import httpx
import pytest
from sqlalchemy import update

from app.models import Owner
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response
from service_testing.client import AppClient
from tests.helpers import assert_item_response, create_item


def if_match(*lines: str) -> httpx.Headers:
    return httpx.Headers([("If-Match", line) for line in lines])


class TestUpdateItemIfMatch:
    @pytest.mark.parametrize(
        "lines", [["{}"], ["*"], ['"x", {}'], ['W/"x",{}'], ['"x"', "{}"], ["{}", '"x"']]
    )
    async def test_update_item_is_done_when_a_tag_is_its_own(
        self, user_client: AppClient, lines: list[str]
    ) -> None:
        created = await create_item(user_client)
        headers = if_match(*(line.format(created.headers["ETag"]) for line in lines))
        path = created.headers["Location"]
        response = await user_client.patch(path, json={"name": "Changed"}, headers=headers)
        assert_item_response(response, name="Changed")

    @pytest.mark.parametrize(
        "lines",
        [['"x"'], ["W/{}"], ['W/{}, "x"'], [""], ["{} {}"], ["*, {}"], ["nonsense"], ["x", "{}"]],
    )
    async def test_update_item_is_refused_when_no_tag_is_its_own_or_they_can_not_be_read(
        self, user_client: AppClient, lines: list[str]
    ) -> None:
        created = await create_item(user_client)
        etag, path = created.headers["ETag"], created.headers["Location"]
        headers = if_match(*(line.format(etag, etag) for line in lines))
        response = await user_client.patch(path, json={"name": "Changed"}, headers=headers)
        assert_error_response(response, 412, "precondition_failed")
        assert (await user_client.get(path)).json() == created.json()

    async def test_update_item_is_refused_with_the_tag_of_before_a_change(
        self, user_client: AppClient
    ) -> None:
        created = await create_item(user_client)
        path, headers = created.headers["Location"], if_match(created.headers["ETag"])
        first = await user_client.patch(path, json={"price": "1.00"}, headers=headers)
        second = await user_client.patch(path, json={"price": "2.00"}, headers=headers)
        assert_item_response(first)
        assert_error_response(second, 412, "precondition_failed")
        third = if_match(first.headers["ETag"])
        response = await user_client.patch(path, json={"price": "3.00"}, headers=third)
        assert assert_item_response(response)["price"] == "3.00"

    async def test_update_item_is_refused_with_the_tag_of_before_a_change_of_its_owner(
        self, user_client: AppClient, session: WriteSession
    ) -> None:
        created = await create_item(user_client)
        await session.exec(update(Owner).values(name="Countess", version=1))
        await session.commit()
        path, headers = created.headers["Location"], if_match(created.headers["ETag"])
        response = await user_client.patch(path, json={"price": "1.00"}, headers=headers)
        assert_error_response(response, 412, "precondition_failed")

    async def test_update_item_that_is_gone_is_not_found_whatever_the_condition(
        self, user_client: AppClient
    ) -> None:
        for condition in ("*", '"x"'):
            response = await user_client.patch("/items/1", json={}, headers=if_match(condition))
            assert_error_response(response, 404, "not_found")

    async def test_update_item_of_somebody_else_is_forbidden_whatever_the_condition(
        self, user_client: AppClient, other_client: AppClient
    ) -> None:
        path = (await create_item(user_client)).headers["Location"]
        for condition in ("*", '"x"'):
            response = await other_client.patch(path, json={}, headers=if_match(condition))
            assert_error_response(response, 403, "forbidden")
