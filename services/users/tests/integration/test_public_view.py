"""`GET /users/{id}`: a user as any signed-in user sees it."""

import pytest

from app.dependencies import UsersState
from chassis.db.sessions import WriteSession
from service_testing.assertions import (
    assert_error_response,
    assert_status,
    assert_validation_error,
)
from service_testing.client import AppClient
from tests.factories import Account, create_account

MALFORMED_IDS = ["0", "+1", "1.0", "%201", "\u0661", "x", str(2**63), "9" * 5000]


class TestReadUser:
    async def test_read_user_without_token_returns_401(
        self, client: AppClient, user: Account
    ) -> None:
        response = await client.get(f"/users/{user.id}")
        assert_error_response(response, 401, "not_authenticated")

    async def test_read_user_returns_only_the_public_view(
        self, user_client: AppClient, admin: Account
    ) -> None:
        response = await user_client.get(f"/users/{admin.id}")
        assert_status(response, 200)
        assert response.json() == {"id": admin.id, "name": admin.name, "is_active": True}

    async def test_read_user_as_an_admin_returns_only_the_public_view(
        self, admin_client: AppClient, user: Account
    ) -> None:
        response = await admin_client.get(f"/users/{user.id}")
        assert response.json() == {"id": user.id, "name": user.name, "is_active": True}

    async def test_read_user_shows_that_a_user_is_deactivated(
        self, user_client: AppClient, session: WriteSession, state: UsersState
    ) -> None:
        inactive = await create_account(session, state, is_active=False)
        response = await user_client.get(f"/users/{inactive.id}")
        assert_status(response, 200)
        assert response.json()["is_active"] is False

    @pytest.mark.parametrize("user_id", ["999999999", str(2**63 - 1)])
    async def test_read_unknown_user_returns_404(
        self, user_client: AppClient, user_id: str
    ) -> None:
        response = await user_client.get(f"/users/{user_id}")
        assert assert_error_response(response, 404, "not_found")["detail"] == "User not found"

    async def test_read_deleted_user_returns_404(
        self,
        user_client: AppClient,
        admin_client: AppClient,
        session: WriteSession,
        state: UsersState,
    ) -> None:
        gone = await create_account(session, state)
        assert_status(await admin_client.delete(f"/admin/users/{gone.id}"), 204)
        response = await user_client.get(f"/users/{gone.id}")
        assert_error_response(response, 404, "not_found")

    @pytest.mark.parametrize("user_id", MALFORMED_IDS, ids=lambda i: i[:20])
    async def test_read_user_with_a_malformed_id_returns_422(
        self, user_client: AppClient, user_id: str
    ) -> None:
        response = await user_client.get(f"/users/{user_id}")
        assert_validation_error(response, ["path", "user_id"])
