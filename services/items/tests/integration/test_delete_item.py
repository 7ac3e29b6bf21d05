"""`DELETE /items/{id}`."""

import pytest

from service_testing.assertions import (
    assert_error_response,
    assert_paginated_response,
    assert_status,
    assert_validation_error,
)
from service_testing.client import AppClient
from tests.fake_users import FakeUsers
from tests.helpers import assert_item_response, create_item, create_item_path


class TestDeleteItem:
    async def test_delete_item_without_token_returns_401(
        self, client: AppClient, user_client: AppClient
    ) -> None:
        path = await create_item_path(user_client)
        assert_error_response(await client.delete(path), 401, "not_authenticated")
        assert_item_response(await client.get(path))

    async def test_delete_item_of_another_user_returns_403(
        self, user_client: AppClient, other_client: AppClient
    ) -> None:
        path = await create_item_path(user_client)
        assert_error_response(await other_client.delete(path), 403, "forbidden")
        assert_item_response(await user_client.get(path))

    async def test_delete_item_with_an_unknown_id_returns_404(self, user_client: AppClient) -> None:
        body = assert_error_response(await user_client.delete("/items/1"), 404, "not_found")
        assert body["detail"] == "Item not found"

    @pytest.mark.parametrize("item_id", ["0", "1.0", str(2**63)])
    async def test_delete_item_with_an_invalid_id_returns_422(
        self, user_client: AppClient, item_id: str
    ) -> None:
        response = await user_client.delete(f"/items/{item_id}")
        assert_validation_error(response, ["path", "item_id"])

    async def test_delete_item_by_its_owner_deletes_it(self, user_client: AppClient) -> None:
        path, kept = await create_item_path(user_client), await create_item(user_client)
        response = await user_client.delete(path)
        assert_status(response, 204)
        assert response.content == b""
        assert_error_response(await user_client.get(path), 404, "not_found")
        page = assert_paginated_response(await user_client.get("/items/"), total=1)
        assert page["items"] == [kept.json()]

    async def test_delete_item_by_an_administrator_deletes_it(
        self, user_client: AppClient, admin_client: AppClient, users: FakeUsers
    ) -> None:
        path = await create_item_path(user_client)
        users.is_down = True
        assert_status(await admin_client.delete(path), 204)
        assert_error_response(await user_client.get(path), 404, "not_found")

    @pytest.mark.parametrize(
        ("condition", "status"), [("{}", 204), ("*", 204), ("W/{}", 412), ('"x"', 412), ("", 412)]
    )
    async def test_delete_item_is_conditional(
        self, user_client: AppClient, condition: str, status: int
    ) -> None:
        created = await create_item(user_client)
        path, etag = created.headers["Location"], created.headers["ETag"]
        response = await user_client.delete(path, headers={"If-Match": condition.format(etag)})
        assert_status(response, status)
        assert_status(await user_client.get(path), 404 if status == 204 else 200)
