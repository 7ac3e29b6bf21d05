"""`POST /items/`."""

from service_testing.assertions import assert_error_response, assert_item_response
from service_testing.client import AppClient
from service_testing.factories import create_item_data
from tests.fake_users import FakeUsers


class TestCreateItem:
    async def test_create_item_without_a_token_is_unauthorized(self, client: AppClient) -> None:
        response = await client.post("/items/", json=create_item_data())
        assert_error_response(response, 401, "not_authenticated")

    async def test_create_item_shows_the_item_and_where_it_is(self, user_client: AppClient) -> None:
        data = create_item_data()
        response = await user_client.post("/items/", json=data)
        body = assert_item_response(response, status=201, name=data["name"])
        assert body["price"] == data["price"]
        assert body["owner"] == {"id": 1, "name": "Ada"}
        assert response.headers["Location"] == f"/items/{body['id']}"
        assert response.headers["ETag"]

    async def test_create_item_asks_users_once_for_an_owner(
        self, user_client: AppClient, users: FakeUsers
    ) -> None:
        for _ in range(3):
            assert_item_response(
                await user_client.post("/items/", json=create_item_data()), status=201
            )
        assert users.lookups == 1

    async def test_create_item_stores_nothing_while_users_is_down(
        self, user_client: AppClient, users: FakeUsers
    ) -> None:
        users.is_down = True
        response = await user_client.post("/items/", json=create_item_data())
        assert_error_response(response, 503, "users_unavailable")
        assert response.headers["Retry-After"]
        assert (await user_client.get("/items/")).json()["total"] == 0
