"""The last active administrator can't be removed: 409 `last_admin`, also in races."""

import asyncio
from typing import Any

import pytest
from sqlmodel import col, select

from app.dependencies import UsersState
from app.models import User
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient, as_user
from tests.factories import Account, create_account
from tests.helpers import assert_user_response, delete_me

REMOVALS = [
    ("PATCH", {"role": "user"}),
    ("PATCH", {"is_active": False}),
    ("PATCH", {"role": "admin", "is_active": False}),
    ("DELETE", None),
]
removal = pytest.mark.parametrize(("method", "body"), REMOVALS, ids=str)


class TestLastAdmin:
    @removal
    async def test_last_active_admin_cannot_be_removed(
        self,
        admin_client: AppClient,
        admin: Account,
        session: WriteSession,
        state: UsersState,
        method: str,
        body: Any,
    ) -> None:
        await create_account(session, state, role="admin", is_active=False)
        response = await admin_client.request(method, f"/admin/users/{admin.id}", json=body)
        assert_error_response(response, 409, "last_admin")
        assert_error_response(await delete_me(admin_client, admin), 409, "last_admin")
        me = assert_user_response(await admin_client.get("/users/me"))
        assert (me["role"], me["is_active"]) == ("admin", True)

    @removal
    async def test_one_of_two_admins_can_be_removed(
        self,
        admin_client: AppClient,
        admin: Account,
        session: WriteSession,
        state: UsersState,
        method: str,
        body: Any,
    ) -> None:
        await create_account(session, state, role="admin")
        response = await admin_client.request(method, f"/admin/users/{admin.id}", json=body)
        assert response.is_success
        assert (await admin_client.get("/admin/users/")).status_code in {401, 403}

    @removal
    async def test_inactive_admins_and_users_can_be_removed(
        self,
        admin_client: AppClient,
        user: Account,
        session: WriteSession,
        state: UsersState,
        method: str,
        body: Any,
    ) -> None:
        inactive = await create_account(session, state, role="admin", is_active=False)
        for account in (inactive, user):
            response = await admin_client.request(method, f"/admin/users/{account.id}", json=body)
            assert response.is_success

    async def test_last_admin_may_be_renamed(self, admin_client: AppClient, admin: Account) -> None:
        body = {"name": "Root", "role": "admin", "is_active": True}
        response = await admin_client.patch(f"/admin/users/{admin.id}", json=body)
        assert assert_user_response(response)["name"] == "Root"


@pytest.mark.committed
class TestRace:
    @removal
    async def test_two_admins_who_remove_each_other_leave_one(
        self, client: AppClient, session: WriteSession, state: UsersState, method: str, body: Any
    ) -> None:
        one, other = [await create_account(session, state, role="admin") for _ in range(2)]
        responses = await asyncio.gather(
            as_user(client, one.token).request(method, f"/admin/users/{other.id}", json=body),
            as_user(client, other.token).request(method, f"/admin/users/{one.id}", json=body),
        )
        winner, loser = sorted(response.status_code for response in responses)
        assert winner in (200, 204)
        assert loser in (401, 403, 409)
        assert len(await _active_admins(session)) == 1

    async def test_admins_who_leave_at_the_same_time_leave_one(
        self, client: AppClient, session: WriteSession, state: UsersState
    ) -> None:
        admins = [await create_account(session, state, role="admin") for _ in range(6)]
        responses = await asyncio.gather(
            *(delete_me(as_user(client, admin.token), admin) for admin in admins)
        )
        statuses = [response.status_code for response in responses]
        assert sorted(statuses) == [204] * 5 + [409]
        assert await _active_admins(session) == [admins[statuses.index(409)].id]

    async def test_promotion_during_a_departure_leaves_one(
        self, client: AppClient, session: WriteSession, state: UsersState
    ) -> None:
        admin = await create_account(session, state, role="admin")
        user = await create_account(session, state)
        admin_client = as_user(client, admin.token)
        promoted, left = await asyncio.gather(
            admin_client.patch(f"/admin/users/{user.id}", json={"role": "admin"}),
            delete_me(admin_client, admin),
        )
        assert_status(promoted, 200)
        assert left.status_code in {204, 409}
        assert await _active_admins(session)


async def _active_admins(session: WriteSession) -> list[int | None]:
    statement = select(col(User.id)).where(col(User.role) == "admin", col(User.is_active))
    return list((await session.exec(statement)).all())
