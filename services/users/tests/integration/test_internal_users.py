"""`GET /internal/users/`: all users, for another service."""

from typing import Any

import pytest

from app.dependencies import UsersState
from app.schemas import AdminPatch
from app.services import accounts
from chassis.db.sessions import WriteSession
from service_testing.assertions import (
    assert_error_response,
    assert_status,
    assert_validation_error,
)
from service_testing.client import AppClient, as_user
from service_testing.queries import QueryCounter
from tests.factories import create_account, create_accounts

PATH = "/internal/users/"


async def page(client: AppClient, **query: int) -> dict[str, Any]:
    response = await client.get(PATH, params=query)
    assert_status(response, 200)
    body: dict[str, Any] = response.json()
    return body


async def register_some(session: WriteSession, count: int) -> list[int]:
    """Their ids."""
    users = [
        await accounts.register(
            session, email=f"u{number}@example.com", name=f"User {number}", password_hash="none"
        )
        for number in range(count)
    ]
    await session.commit()
    return [user.id for user in users if user.id]


class TestListAllUsersToken:
    async def test_list_all_users_without_token_returns_401(self, client: AppClient) -> None:
        assert_error_response(await client.get(PATH), 401, "not_authenticated")

    async def test_tokens_of_users_and_admins_return_401(
        self, user_client: AppClient, admin_client: AppClient
    ) -> None:
        for client in (user_client, admin_client):
            assert_error_response(await client.get(PATH), 401, "invalid_token")

    @pytest.mark.parametrize(
        ("audience", "scopes", "status", "code"),
        [
            ("users", ["users:read"], 401, "invalid_token"),
            ("items-events", ["users:read"], 401, "invalid_token"),
            ("users-internal", [], 403, "forbidden"),
            ("users-internal", ["users:write", "users:read2"], 403, "forbidden"),
        ],
    )
    async def test_service_token_for_something_else_is_refused(
        self,
        client: AppClient,
        state: UsersState,
        audience: str,
        scopes: list[str],
        status: int,
        code: str,
    ) -> None:
        token = await state.issuer.for_service("items", audience=audience, scopes=scopes)
        response = await as_user(client, token.access_token).get(PATH)
        assert_error_response(response, status, code)

    async def test_service_token_returns_401_on_other_routes(
        self, service_client: AppClient
    ) -> None:
        for path in ("/users/me", "/users/1", "/admin/users/"):
            assert_error_response(await service_client.get(path), 401, "invalid_token")


class TestListAllUsers:
    async def test_users_have_the_fields_of_events_and_nothing_personal(
        self, service_client: AppClient, session: WriteSession, state: UsersState
    ) -> None:
        account = await create_account(session, state, name="Ada")
        await accounts.change(session, account.id, AdminPatch(is_active=False))
        await session.commit()
        listed = {"id": account.id, "name": "Ada", "is_active": False, "role": "user", "version": 2}
        assert await page(service_client) == {"users": [listed], "next_after_id": None}


class TestListAllUsersPages:
    async def test_pages_contain_every_user_once_ordered_by_id(
        self, service_client: AppClient, session: WriteSession
    ) -> None:
        ids = await register_some(session, 6)
        first = await page(service_client, limit=3)
        last = await page(service_client, after_id=first["next_after_id"], limit=3)
        assert [user["id"] for user in (*first["users"], *last["users"])] == sorted(ids)
        assert last["next_after_id"] is None

    async def test_page_has_500_users_by_default(
        self, service_client: AppClient, session: WriteSession
    ) -> None:
        await create_accounts(session, 501)
        assert len((await page(service_client))["users"]) == 500
        assert len((await page(service_client, limit=1000))["users"]) == 501

    async def test_page_takes_one_statement(
        self, service_client: AppClient, session: WriteSession, query_counter: QueryCounter
    ) -> None:
        await register_some(session, 3)
        with query_counter.at_most(1, ignored="FROM signing_keys"):
            await page(service_client)

    @pytest.mark.parametrize(
        "query",
        [{"limit": "0"}, {"limit": "1001"}, {"after_id": "-1"}, {"after_id": str(2**63)}],
        ids=str,
    )
    async def test_query_out_of_range_returns_422(
        self, service_client: AppClient, query: dict[str, str]
    ) -> None:
        response = await service_client.get(PATH, params=query)
        (name,) = query
        assert_validation_error(response, ["query", name])
