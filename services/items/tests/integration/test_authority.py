"""Who may edit an item: what events have told of the caller counts, and not only the token."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient, as_user
from service_testing.events import EventSender
from tests.factories import Account, create_items, create_owner
from tests.fake_users import FakeUsers

Edit = Callable[[AppClient, str], Awaitable[httpx.Response]]

OWNER = Account(id=1, name="Ada", version=2)
ADMIN = Account(id=3, name="Root", role="admin", version=2)


async def update(client: AppClient, path: str) -> httpx.Response:
    return await client.patch(path, json={"name": "Mine"})


async def delete(client: AppClient, path: str) -> httpx.Response:
    return await client.delete(path)


each_edit = pytest.mark.parametrize("edit", [update, delete])


@pytest.fixture
async def path(session: WriteSession) -> str:
    """Of an item of user 1."""
    await create_owner(session)
    [item_id] = await create_items(session, {})
    return f"/items/{item_id}"


@each_edit
class TestAuthority:
    async def test_administrator_that_no_event_has_told_of_may_edit(
        self, admin_client: AppClient, path: str, edit: Edit
    ) -> None:
        assert_status(await edit(admin_client, path), 200 if edit is update else 204)

    async def test_administrator_that_is_known_as_one_may_edit(
        self, admin_client: AppClient, relay: EventSender, path: str, edit: Edit
    ) -> None:
        await relay.send(ADMIN.updated())
        assert_status(await edit(admin_client, path), 200 if edit is update else 204)

    @pytest.mark.parametrize(
        ("account", "code"),
        [
            (ADMIN.changed(role="user"), "forbidden"),
            (ADMIN.changed(is_active=False), "owner_inactive"),
        ],
        ids=["demoted", "deactivated"],
    )
    async def test_former_administrator_with_an_old_token_returns_403(
        self,
        admin_client: AppClient,
        relay: EventSender,
        path: str,
        edit: Edit,
        account: Account,
        code: str,
    ) -> None:
        await relay.send(ADMIN.updated())
        assert_status(await relay.send(account.updated()), 204)
        assert_error_response(await edit(admin_client, path), 403, code)

    async def test_deleted_administrator_with_an_old_token_returns_403(
        self, admin_client: AppClient, relay: EventSender, path: str, edit: Edit
    ) -> None:
        assert_status(await relay.send(ADMIN.deleted()), 204)
        assert_error_response(await edit(admin_client, path), 403, "owner_gone")

    async def test_deactivated_owner_with_an_old_token_returns_403_until_reactivated(
        self, user_client: AppClient, relay: EventSender, path: str, edit: Edit
    ) -> None:
        inactive = OWNER.changed(is_active=False)
        await relay.send(inactive.updated())
        assert_error_response(await edit(user_client, path), 403, "owner_inactive")
        await relay.send(inactive.changed(is_active=True).updated())
        assert_status(await edit(user_client, path), 200 if edit is update else 204)

    async def test_promoted_owner_edits_strangers_items_only_with_a_new_token(
        self,
        client: AppClient,
        other_client: AppClient,
        users: FakeUsers,
        relay: EventSender,
        path: str,
        edit: Edit,
    ) -> None:
        await relay.send(Account(id=2, name="Grace", role="admin").updated())
        assert_error_response(await edit(other_client, path), 403, "forbidden")
        promoted = as_user(client, users.add(user_id=2, role="admin"))
        assert_status(await edit(promoted, path), 200 if edit is update else 204)

    async def test_event_without_a_role_leaves_it_to_the_token(
        self, admin_client: AppClient, relay: EventSender, path: str, edit: Edit
    ) -> None:
        event = ADMIN.updated()
        del event.data["role"]
        assert_status(await relay.send(event), 204)
        assert_status(await edit(admin_client, path), 200 if edit is update else 204)
