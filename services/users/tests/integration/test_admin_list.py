"""`GET /admin/users/`: its filters."""

import pytest

from app.dependencies import UsersState
from chassis.db.sessions import WriteSession
from service_testing.assertions import (
    assert_error_response,
    assert_paginated_response,
    assert_status,
    assert_validation_error,
)
from service_testing.client import AppClient
from tests.factories import Account, create_account, create_user_data
from tests.helpers import USER_FIELDS, assert_user_response


async def found_ids(client: AppClient, **params: str) -> list[int]:
    response = await client.get("/admin/users/", params=params)
    body = assert_paginated_response(response)
    assert body["total"] == len(body["items"])
    return [account["id"] for account in body["items"]]


class TestListUsers:
    async def test_list_users_without_token_returns_401(self, client: AppClient) -> None:
        response = await client.get("/admin/users/")
        assert_error_response(response, 401, "not_authenticated")

    async def test_list_users_as_a_user_returns_403(self, user_client: AppClient) -> None:
        response = await user_client.get("/admin/users/")
        assert_error_response(response, 403, "forbidden")

    async def test_list_users_returns_own_views_ordered_by_id(
        self, admin_client: AppClient, admin: Account, session: WriteSession, state: UsersState
    ) -> None:
        users = [await create_account(session, state) for _ in range(2)]
        response = await admin_client.get("/admin/users/")
        body = assert_paginated_response(response, count=3, total=3, page=1)
        assert body["size"] == 20
        assert body["pages"] == 1
        assert body["next"] is None
        assert body["total_is_exact"] is True
        assert [account["id"] for account in body["items"]] == [admin.id, *(u.id for u in users)]
        for account in body["items"]:
            assert account.keys() == USER_FIELDS


class TestSearch:
    @pytest.mark.parametrize("q", ["LOVELACE", "ada l", "countess@example", "straße"])
    async def test_search_finds_a_part_of_name_or_email_in_any_case(
        self, admin_client: AppClient, session: WriteSession, state: UsersState, q: str
    ) -> None:
        ada = await create_account(
            session, state, name="Ada Lovelace, STRASSE", email="Countess@example.com"
        )
        assert ada.id in await found_ids(admin_client, q=q)

    async def test_search_finds_new_and_changed_accounts(
        self, client: AppClient, admin_client: AppClient, user: Account, user_client: AppClient
    ) -> None:
        """Each change also writes the text that is searched."""
        data = create_user_data(name="Grace Hopper", email="rear.admiral@example.com")
        grace = assert_user_response(await client.post("/users/", json=data), status=201)["id"]
        assert await found_ids(admin_client, q="hopper") == [grace]
        assert await found_ids(admin_client, q="rear.adm") == [grace]

        assert_status(await user_client.patch("/users/me", json={"name": "Ada Byron"}), 200)
        assert await found_ids(admin_client, q="byron") == [user.id]
        assert user.id in await found_ids(admin_client, q=user.email)
        assert user.id not in await found_ids(admin_client, q=user.name)

    @pytest.mark.parametrize("character", ["%", "_", "\\", "'", "/", "*", "[a]"])
    async def test_search_has_no_wildcards(
        self, admin_client: AppClient, session: WriteSession, state: UsersState, character: str
    ) -> None:
        named = await create_account(session, state, name=f"a{character}z")
        await create_account(session, state, name="aXz")
        assert await found_ids(admin_client, q=f"a{character}z") == [named.id]

    async def test_search_that_finds_nothing_is_an_empty_page(
        self, admin_client: AppClient
    ) -> None:
        response = await admin_client.get("/admin/users/", params={"q": "nobody at all"})
        body = assert_paginated_response(response, count=0, total=0, page=1)
        assert (body["pages"], body["next"]) == (0, None)

    async def test_empty_search_finds_all(
        self, admin_client: AppClient, admin: Account, user: Account
    ) -> None:
        assert await found_ids(admin_client, q="") == sorted([admin.id, user.id])

    @pytest.mark.parametrize("q", ["q" * 255, "nul\0"], ids=ascii)
    async def test_invalid_search_returns_422(self, admin_client: AppClient, q: str) -> None:
        response = await admin_client.get("/admin/users/", params={"q": q})
        assert_validation_error(response, ["query", "q"])


class TestFilters:
    async def test_filters_by_role_and_activity(
        self, admin_client: AppClient, admin: Account, session: WriteSession, state: UsersState
    ) -> None:
        inactive = await create_account(session, state, is_active=False)
        for value, expected in (("admin", admin), ("user", inactive)):
            assert await found_ids(admin_client, role=value) == [expected.id]
        for value, expected in (("true", admin), ("false", inactive)):
            assert await found_ids(admin_client, is_active=value) == [expected.id]

    async def test_filters_can_be_combined(
        self, admin_client: AppClient, session: WriteSession, state: UsersState
    ) -> None:
        wanted = await create_account(session, state, name="Grace", role="admin", is_active=False)
        await create_account(session, state, name="Grace", role="admin")
        await create_account(session, state, name="Grace", is_active=False)
        await create_account(session, state, name="Ada", role="admin", is_active=False)
        found = await found_ids(admin_client, q="grace", role="admin", is_active="false")
        assert found == [wanted.id]

    @pytest.mark.parametrize(
        ("name", "value"),
        [("role", "root"), ("role", ""), ("is_active", "perhaps"), ("is_active", "")],
    )
    async def test_unknown_filter_value_returns_422(
        self, admin_client: AppClient, name: str, value: str
    ) -> None:
        response = await admin_client.get("/admin/users/", params={name: value})
        assert_validation_error(response, ["query", name])
