"""`POST /items/`: the owner, and the lookup of a new owner."""

from collections.abc import Callable
from typing import Any

import pytest

from app.models import Item, Owner
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response
from service_testing.client import AppClient
from tests.factories import create_item_data, create_owner
from tests.fake_users import FakeUsers
from tests.helpers import assert_item_response, count_rows, create_item


class TestCreateItemByNewOwner:
    async def test_create_item_looks_up_a_new_owner_once(
        self, user_client: AppClient, users: FakeUsers
    ) -> None:
        for _ in range(3):
            await create_item(user_client)
        assert users.lookups == 1

    async def test_create_item_looks_up_with_the_token_of_the_caller(
        self, user_client: AppClient, other_client: AppClient, users: FakeUsers
    ) -> None:
        await create_item(user_client)
        await create_item(other_client)
        sent = [client.headers["Authorization"] for client in (user_client, other_client)]
        assert [f"Bearer {token}" for token in users.tokens_seen] == sent

    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            (lambda users: users.add(user_id=1, is_active=False), 403, "owner_inactive"),
            (lambda users: users.remove(1), 403, "owner_gone"),
            (lambda users: setattr(users, "refuses_tokens", True), 401, "invalid_token"),
            (lambda users: setattr(users, "is_down", True), 503, "users_unavailable"),
        ],
        ids=["deactivated", "deleted", "refused", "down"],
    )
    async def test_create_item_by_a_new_owner_without_a_usable_account_fails(
        self,
        user_client: AppClient,
        users: FakeUsers,
        session: WriteSession,
        change: Callable[[FakeUsers], None],
        status: int,
        code: str,
    ) -> None:
        change(users)
        response = await user_client.post("/items/", json=create_item_data())
        assert_error_response(response, status, code)
        assert ("Retry-After" in response.headers) == (status == 503)
        assert response.headers.get("WWW-Authenticate", "") == (
            'Bearer error="invalid_token"' if status == 401 else ""
        )
        assert await count_rows(session, Item) == await count_rows(session, Owner) == 0

    async def test_create_item_succeeds_when_users_is_available_again(
        self, user_client: AppClient, users: FakeUsers
    ) -> None:
        users.is_down = True
        await user_client.post("/items/", json=create_item_data())
        users.is_down = False
        response = await user_client.post("/items/", json=create_item_data())
        assert_item_response(response, status=201)

    async def test_create_item_with_an_invalid_body_looks_up_nobody(
        self, user_client: AppClient, users: FakeUsers
    ) -> None:
        response = await user_client.post("/items/", json={})
        assert_error_response(response, 422, "validation_error")
        assert users.lookups == 0


class TestCreateItemByKnownOwner:
    async def test_create_item_by_a_known_owner_succeeds_while_users_is_down(
        self, user_client: AppClient, users: FakeUsers, session: WriteSession
    ) -> None:
        await create_owner(session, owner_id=1, name="Ada of before")
        users.is_down = True
        response = await user_client.post("/items/", json=create_item_data())
        assert assert_item_response(response, status=201)["owner"]["name"] == "Ada of before"
        assert users.lookups == 0

    @pytest.mark.parametrize(
        ("state", "code"),
        [
            ({"is_active": False}, "owner_inactive"),
            ({"is_deleted": True}, "owner_gone"),
            ({"is_deleted": True, "is_active": False}, "owner_gone"),
        ],
    )
    async def test_create_item_uses_the_stored_state_instead_of_a_lookup(
        self,
        user_client: AppClient,
        users: FakeUsers,
        session: WriteSession,
        state: dict[str, Any],
        code: str,
    ) -> None:
        await create_owner(session, owner_id=1, version=2, **state)
        response = await user_client.post("/items/", json=create_item_data())
        assert_error_response(response, 403, code)
        assert users.lookups == 0
        assert await count_rows(session, Item) == 0

    @pytest.mark.parametrize(
        ("state", "code"),
        [({"is_active": False}, "owner_inactive"), ({"is_deleted": True}, "owner_gone")],
    )
    async def test_create_item_respects_an_event_that_arrives_during_the_lookup(
        self,
        user_client: AppClient,
        users: FakeUsers,
        session: WriteSession,
        state: dict[str, Any],
        code: str,
    ) -> None:
        async def event_comes() -> None:
            await create_owner(session, owner_id=1, name="Newer", version=2, **state)

        users.meanwhile = event_comes
        response = await user_client.post("/items/", json=create_item_data())
        assert_error_response(response, 403, code)
        assert await count_rows(session, Item) == 0
        owner = await session.get_one(Owner, 1)
        assert (owner.name, owner.version) == ("Newer", 2)
