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

MALFORMED_IDS = ["0", "+1", "x", str(2**63)]


class TestReadUser:
    async def test_read_user_without_token_returns_401(
        self, client: AppClient, user: Account
    ) -> None:
        response = await client.get(f"/users/{user.id}")
        assert_error_response(response, 401, "not_authenticated")

    async def test_read_user_returns_only_the_public_view(
        self, user_client: AppClient, user: Account, admin_client: AppClient, admin: Account
    ) -> None:
        for client, account in ((user_client, admin), (admin_client, user)):
            response = await client.get(f"/users/{account.id}")
            assert_status(response, 200)
            assert response.json() == {"id": account.id, "name": account.name, "is_active": True}

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

    @pytest.mark.parametrize("user_id", MALFORMED_IDS)
    async def test_read_user_with_a_malformed_id_returns_422(
        self, user_client: AppClient, user_id: str
    ) -> None:
        response = await user_client.get(f"/users/{user_id}")
        assert_validation_error(response, ["path", "user_id"])
