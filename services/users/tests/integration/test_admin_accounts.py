"""`GET`, `PATCH` and `DELETE /admin/users/{id}`."""

from typing import Any

import pytest
from sqlmodel import col, select

from app.dependencies import UsersState
from app.models import User
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response, assert_status, assert_validation_error
from service_testing.client import AppClient
from tests.factories import Account, create_account
from tests.helpers import assert_login_ended, assert_user_response, log_in

UNKNOWN_IDS = ["999999999", str(2**63 - 1)]
MALFORMED_IDS = ["0", "+1", "1.0", "me", str(2**63)]


async def stored(session: WriteSession, account: Account) -> User:
    statement = select(User).where(col(User.id) == account.id)
    user = (await session.exec(statement.execution_options(populate_existing=True))).one()
    await session.commit()
    return user


class TestReadUser:
    async def test_read_user_without_token_returns_401(
        self, client: AppClient, user: Account
    ) -> None:
        response = await client.get(f"/admin/users/{user.id}")
        assert_error_response(response, 401, "not_authenticated")

    async def test_read_user_as_a_user_returns_403(
        self, user_client: AppClient, user: Account
    ) -> None:
        response = await user_client.get(f"/admin/users/{user.id}")
        assert_error_response(response, 403, "forbidden")

    async def test_read_user_returns_the_own_view(
        self, admin_client: AppClient, user: Account
    ) -> None:
        response = await admin_client.get(f"/admin/users/{user.id}")
        body = assert_user_response(response, email=user.email)
        assert (body["id"], body["name"], body["role"]) == (user.id, user.name, "user")


class TestUpdateUser:
    async def test_update_user_without_token_returns_401(
        self, client: AppClient, user: Account
    ) -> None:
        response = await client.patch(f"/admin/users/{user.id}", json={"name": "Ada"})
        assert_error_response(response, 401, "not_authenticated")

    async def test_update_user_as_a_user_returns_403(
        self, user_client: AppClient, user: Account
    ) -> None:
        response = await user_client.patch(f"/admin/users/{user.id}", json={"role": "admin"})
        assert_error_response(response, 403, "forbidden")

    @pytest.mark.parametrize(
        "change",
        [
            {"name": "Grace Hopper"},
            {"role": "admin"},
            {"is_active": False},
            {"name": "Grace Hopper", "role": "admin", "is_active": False},
        ],
        ids=str,
    )
    async def test_update_user_changes_only_the_fields_that_were_sent(
        self, admin_client: AppClient, user: Account, session: WriteSession, change: dict[str, Any]
    ) -> None:
        path = f"/admin/users/{user.id}"
        before = assert_user_response(await admin_client.get(path))
        after = assert_user_response(await admin_client.patch(path, json=change))
        assert after == {**before, **change}
        assert assert_user_response(await admin_client.get(path)) == after
        assert (await stored(session, user)).version == 2

    @pytest.mark.parametrize(
        "change", [{}, {"role": "user"}, {"is_active": True}, {"role": "user", "is_active": True}]
    )
    async def test_update_user_to_its_current_values_keeps_the_version(
        self, admin_client: AppClient, user: Account, session: WriteSession, change: dict[str, Any]
    ) -> None:
        path = f"/admin/users/{user.id}"
        before = assert_user_response(await admin_client.get(path))
        assert assert_user_response(await admin_client.patch(path, json=change)) == before
        assert (await stored(session, user)).version == 1

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *(("name", value) for value in (None, " ", "n" * 121)),
            *(("role", value) for value in (None, "root", "Admin")),
            *(("is_active", value) for value in (None, "true", 1)),
            *((field, "x") for field in ("email", "password", "id", "version")),
        ],
    )
    async def test_update_user_with_an_invalid_value_or_unknown_field_returns_422(
        self, admin_client: AppClient, user: Account, field: str, value: object
    ) -> None:
        response = await admin_client.patch(f"/admin/users/{user.id}", json={field: value})
        assert_validation_error(response, ["body", field])

    async def test_deactivating_a_user_ends_every_login(
        self, client: AppClient, admin_client: AppClient, user: Account
    ) -> None:
        token = await log_in(client, user)
        path = f"/admin/users/{user.id}"
        assert_user_response(await admin_client.patch(path, json={"is_active": False}))
        await assert_login_ended(client, token)


class TestDeleteUser:
    async def test_delete_user_without_token_returns_401(
        self, client: AppClient, user: Account
    ) -> None:
        response = await client.delete(f"/admin/users/{user.id}")
        assert_error_response(response, 401, "not_authenticated")

    async def test_delete_user_as_a_user_returns_403(
        self, user_client: AppClient, user: Account
    ) -> None:
        response = await user_client.delete(f"/admin/users/{user.id}")
        assert_error_response(response, 403, "forbidden")

    async def test_deleted_user_is_not_found(self, admin_client: AppClient, user: Account) -> None:
        path = f"/admin/users/{user.id}"
        response = await admin_client.delete(path)
        assert_status(response, 204)
        assert response.content == b""
        assert_error_response(await admin_client.get(path), 404, "not_found")
        assert_error_response(await admin_client.delete(path), 404, "not_found")

    async def test_inactive_users_and_admins_can_be_deleted(
        self, admin_client: AppClient, session: WriteSession, state: UsersState
    ) -> None:
        inactive = await create_account(session, state, is_active=False)
        other_admin = await create_account(session, state, role="admin")
        for account in (inactive, other_admin):
            assert_status(await admin_client.delete(f"/admin/users/{account.id}"), 204)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
class TestId:
    @pytest.mark.parametrize("user_id", UNKNOWN_IDS)
    async def test_unknown_id_returns_404(
        self, admin_client: AppClient, method: str, user_id: str
    ) -> None:
        body = {"name": "Ada", "is_active": False} if method == "PATCH" else None
        response = await admin_client.request(method, f"/admin/users/{user_id}", json=body)
        assert assert_error_response(response, 404, "not_found")["detail"] == "User not found"

    @pytest.mark.parametrize("user_id", MALFORMED_IDS)
    async def test_malformed_id_returns_422(
        self, admin_client: AppClient, method: str, user_id: str
    ) -> None:
        body = {"name": "Ada"} if method == "PATCH" else None
        response = await admin_client.request(method, f"/admin/users/{user_id}", json=body)
        assert_validation_error(response, ["path", "user_id"])
