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

    async def test_delete_item_twice_returns_404(self, user_client: AppClient) -> None:
        path = await create_item_path(user_client)
        assert_status(await user_client.delete(path), 204)
        assert_error_response(await user_client.delete(path), 404, "not_found")

    async def test_delete_item_by_an_administrator_deletes_it(
        self, user_client: AppClient, admin_client: AppClient, users: FakeUsers
    ) -> None:
        path = await create_item_path(user_client)
        users.is_down = True
        assert_status(await admin_client.delete(path), 204)
        assert_error_response(await user_client.get(path), 404, "not_found")

    async def test_delete_item_does_not_free_its_id(self, user_client: AppClient) -> None:
        ids = []
        for _ in range(3):
            created = await create_item(user_client)
            ids.append(created.json()["id"])
            await user_client.delete(created.headers["Location"])
        assert ids[0] < ids[1] < ids[2]


class TestDeleteItemIfMatch:
    @pytest.mark.parametrize("condition", ["{}", "*", '"x", {}'])
    async def test_delete_item_with_a_matching_etag_succeeds(
        self, user_client: AppClient, condition: str
    ) -> None:
        created = await create_item(user_client)
        headers = {"If-Match": condition.format(created.headers["ETag"])}
        assert_status(await user_client.delete(created.headers["Location"], headers=headers), 204)

    @pytest.mark.parametrize("condition", ['"x"', "W/{}", "nonsense", ""])
    async def test_delete_item_without_a_matching_etag_returns_412(
        self, user_client: AppClient, condition: str
    ) -> None:
        created = await create_item(user_client)
        path = created.headers["Location"]
        headers = {"If-Match": condition.format(created.headers["ETag"])}
        response = await user_client.delete(path, headers=headers)
        assert_error_response(response, 412, "precondition_failed")
        assert_item_response(await user_client.get(path))

    async def test_delete_item_with_a_stale_etag_returns_412(self, user_client: AppClient) -> None:
        created = await create_item(user_client)
        path, headers = created.headers["Location"], {"If-Match": created.headers["ETag"]}
        await user_client.patch(path, json={"name": "Changed"})
        response = await user_client.delete(path, headers=headers)
        assert_error_response(response, 412, "precondition_failed")
        assert_item_response(await user_client.get(path), name="Changed")
