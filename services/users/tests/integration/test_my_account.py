"""`GET`, `PATCH` and `DELETE /users/me`."""

from service_testing.assertions import (
    assert_error_response,
    assert_status,
    assert_user_response,
)
from service_testing.client import AppClient
from tests.accounts import Account


class TestReadMe:
    async def test_read_me_without_a_token_is_unauthorized(self, client: AppClient) -> None:
        response = await client.get("/users/me")
        assert_error_response(response, 401, "not_authenticated")
        assert response.headers["WWW-Authenticate"] == "Bearer"

    async def test_read_me_shows_the_own_view(self, user_client: AppClient, user: Account) -> None:
        body = assert_user_response(await user_client.get("/users/me"), email=user.email)
        assert body["id"] == user.id
        assert body["name"] == user.name


class TestDeleteMe:
    async def test_delete_me_ends_the_token_at_once(self, user_client: AppClient) -> None:
        assert_status(await user_client.delete("/users/me"), 204)
        assert_error_response(await user_client.get("/users/me"), 401, "invalid_token")

    async def test_delete_me_refuses_to_take_the_last_admin(self, admin_client: AppClient) -> None:
        response = await admin_client.delete("/users/me")
        assert_error_response(response, 409, "last_admin")
