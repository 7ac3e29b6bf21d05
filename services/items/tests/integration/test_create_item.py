"""`POST /items/`: the response."""

from datetime import datetime

from chassis.db.columns import utc_now
from service_testing.assertions import assert_error_response, assert_paginated_response
from service_testing.client import AppClient
from service_testing.queries import QueryCounter
from tests.factories import create_item_data
from tests.helpers import assert_item_response


class TestCreateItem:
    async def test_create_item_without_token_returns_401(self, client: AppClient) -> None:
        response = await client.post("/items/", json=create_item_data())
        assert_error_response(response, 401, "not_authenticated")
        assert response.headers["WWW-Authenticate"] == "Bearer"

    async def test_create_item_returns_the_item_and_its_location(
        self, user_client: AppClient
    ) -> None:
        data = create_item_data()
        response = await user_client.post("/items/", json=data)
        body = assert_item_response(response, status=201)
        assert body == {
            **data,
            "id": body["id"],
            "owner": {"id": 1, "name": "Ada"},
            "created_at": body["created_at"],
            "updated_at": body["created_at"],
        }
        assert response.headers["Location"] == f"/items/{body['id']}"

    async def test_create_item_returns_the_same_as_a_read(self, user_client: AppClient) -> None:
        created = await user_client.post("/items/", json=create_item_data())
        read = await user_client.get(created.headers["Location"])
        assert read.json() == assert_item_response(created, status=201)
        assert read.headers["ETag"] == created.headers["ETag"]

    async def test_create_item_of_a_known_owner_runs_one_statement(
        self, user_client: AppClient, query_counter: QueryCounter
    ) -> None:
        await user_client.post("/items/", json=create_item_data())
        with query_counter.at_most(1):
            await user_client.post("/items/", json=create_item_data())

    async def test_create_item_returns_created_at_in_utc(self, user_client: AppClient) -> None:
        before = utc_now()
        body = (await user_client.post("/items/", json=create_item_data())).json()
        assert body["created_at"].endswith("Z")
        assert before <= datetime.fromisoformat(body["created_at"]) <= utc_now()

    async def test_create_item_by_an_administrator_creates_their_own_item(
        self, admin_client: AppClient
    ) -> None:
        response = await admin_client.post("/items/", json=create_item_data())
        assert assert_item_response(response, status=201)["owner"] == {"id": 3, "name": "Root"}

    async def test_created_item_is_found_by_name_and_description(
        self, user_client: AppClient
    ) -> None:
        await user_client.post("/items/", json=create_item_data(name="Lantern", description="Tin"))
        for text in ("lantern", "tin"):
            page = await user_client.get("/items/", params={"q": text})
            assert_paginated_response(page, count=1, total=1)
