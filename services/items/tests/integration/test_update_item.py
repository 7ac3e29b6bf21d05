"""`PATCH /items/{id}`."""

from datetime import datetime
from typing import Any

import pytest
from structlog.types import EventDict

from service_testing.assertions import (
    assert_error_response,
    assert_paginated_response,
    assert_status,
    assert_validation_error,
)
from service_testing.client import AppClient
from tests.fake_users import FakeUsers
from tests.helpers import assert_item_response, create_item, create_item_path


class TestUpdateItem:
    async def test_update_item_without_token_returns_401(
        self, client: AppClient, user_client: AppClient
    ) -> None:
        path = await create_item_path(user_client)
        assert_error_response(await client.patch(path, json={}), 401, "not_authenticated")

    async def test_update_item_of_another_user_returns_403(
        self, user_client: AppClient, other_client: AppClient
    ) -> None:
        created = await create_item(user_client)
        path = created.headers["Location"]
        response = await other_client.patch(path, json={"name": "Mine"})
        assert_error_response(response, 403, "forbidden")
        assert (await user_client.get(path)).json() == created.json()

    async def test_refusal_is_a_security_event_with_its_actor(
        self, user_client: AppClient, other_client: AppClient, logs: list[EventDict]
    ) -> None:
        path = await create_item_path(user_client)
        assert_status(await other_client.patch(path, json={"name": "Mine"}), 403)
        [line] = [line for line in logs if line["event"] == "security_event"]
        assert (line["action"], line["outcome"], line["reason"]) == (
            "access",
            "failure",
            "forbidden",
        )
        assert line["actor"] == 2
        assert line["request_id"]

    async def test_update_item_with_an_unknown_id_returns_404(
        self, user_client: AppClient, admin_client: AppClient
    ) -> None:
        for caller in (user_client, admin_client):
            response = await caller.patch("/items/1", json={"name": "Ghost"})
            assert assert_error_response(response, 404, "not_found")["detail"] == "Item not found"

    @pytest.mark.parametrize("item_id", ["0", "+1", str(2**63)])
    async def test_update_item_with_an_invalid_id_returns_422(
        self, user_client: AppClient, item_id: str
    ) -> None:
        response = await user_client.patch(f"/items/{item_id}", json={})
        assert_validation_error(response, ["path", "item_id"])

    @pytest.mark.parametrize(
        ("changes", "shown"),
        [
            ({"name": "  New name "}, {"name": "New name"}),
            ({"description": "New words"}, {"description": "New words"}),
            ({"description": None}, {"description": None}),
            ({"description": ""}, {"description": ""}),
            ({"price": "0"}, {"price": "0.00"}),
            ({"price": 99999999.99}, {"price": "99999999.99"}),
            ({"name": "All", "description": "three", "price": 3}, None),
        ],
    )
    async def test_update_item_changes_only_the_sent_fields(
        self, user_client: AppClient, changes: dict[str, Any], shown: dict[str, Any] | None
    ) -> None:
        created = await create_item(user_client, name="Old", description="Old words", price="1.00")
        path = created.headers["Location"]
        response = await user_client.patch(path, json=changes)
        body = assert_item_response(response)
        expected = shown or {"name": "All", "description": "three", "price": "3.00"}
        assert body == {**created.json(), **expected, "updated_at": body["updated_at"]}
        assert response.headers["ETag"] != created.headers["ETag"]
        read = await user_client.get(path)
        assert read.json() == body
        assert read.headers["ETag"] == response.headers["ETag"]

    async def test_update_item_changes_updated_at_but_not_created_at(
        self, user_client: AppClient
    ) -> None:
        created = await create_item(user_client)
        path = created.headers["Location"]
        body = (await user_client.patch(path, json={"name": "Later"})).json()
        assert body["created_at"] == created.json()["created_at"]
        times = [datetime.fromisoformat(body[name]) for name in ("created_at", "updated_at")]
        assert times[0] < times[1]

    @pytest.mark.parametrize("same", [{}, {"name": "Same"}, {"description": None, "price": 1}])
    async def test_update_item_with_the_same_values_changes_nothing(
        self, user_client: AppClient, same: dict[str, Any]
    ) -> None:
        created = await create_item(user_client, name="Same", description=None, price="1.00")
        response = await user_client.patch(created.headers["Location"], json=same)
        assert assert_item_response(response) == created.json()
        assert response.headers["ETag"] == created.headers["ETag"]

    async def test_update_item_by_an_administrator_keeps_the_owner(
        self, user_client: AppClient, admin_client: AppClient, users: FakeUsers
    ) -> None:
        path = await create_item_path(user_client)
        lookups = users.lookups
        users.is_down = True
        response = await admin_client.patch(path, json={"name": "Tidied"})
        assert assert_item_response(response, name="Tidied")["owner"] == {"id": 1, "name": "Ada"}
        assert users.lookups == lookups


class TestUpdateItemBody:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *(("name", value) for value in (None, " ", "x" * 121)),
            ("description", "x" * 2001),
            *(("price", value) for value in (None, "-1", "9.990")),
            *((field, 1) for field in ("id", "owner_id", "updated_at")),
        ],
        ids=lambda value: repr(value)[:20],
    )
    async def test_update_item_with_an_invalid_field_returns_422(
        self, user_client: AppClient, field: str, value: Any
    ) -> None:
        created = await create_item(user_client)
        path = created.headers["Location"]
        response = await user_client.patch(path, json={"name": "Half", field: value})
        assert_validation_error(response, ["body", field])
        assert (await user_client.get(path)).json() == created.json()


class TestUpdateItemSearch:
    async def test_updated_item_is_found_by_its_new_text_only(self, user_client: AppClient) -> None:
        path = await create_item_path(user_client, name="Lantern", description="Of tin")
        await user_client.patch(path, json={"name": "Candle"})
        for text, count in (("candle", 1), ("tin", 1), ("lantern", 0)):
            page = await user_client.get("/items/", params={"q": text})
            assert_paginated_response(page, count=count, total=count)
        await user_client.patch(path, json={"description": None})
        page = await user_client.get("/items/", params={"q": "tin"})
        assert_paginated_response(page, count=0)
