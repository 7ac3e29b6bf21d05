"""Concurrent requests on real connections."""

import asyncio
from collections import Counter

from tests.e2e.clients import ApiClient, NewUser
from tests.e2e.request_log import RequestLog
from tests.e2e.stack import Stack, wait_for
from tests.e2e.workflows.items.actions import has_no_items
from tests.e2e.workflows.items.factories import create_item_data
from tests.e2e.workflows.items.helpers import assert_item_response


async def test_concurrent_edits_of_one_item_are_all_kept(
    stack: Stack, new_user: NewUser, request_log: RequestLog
) -> None:
    owner = new_user()
    created = owner.items.post("/items/", json=create_item_data(price="0.00"))
    location = created.headers["Location"]
    async with request_log.async_client(stack.items.url) as client:
        client.headers.update(owner.headers)

        async def add_one_cent() -> None:
            while True:
                now = await client.get(location)
                price = f"{float(now.json()['price']) + 0.01:.2f}"
                condition = {"If-Match": now.headers["ETag"]}
                edit = await client.patch(location, json={"price": price}, headers=condition)
                if edit.status_code == 200:
                    return
                assert edit.status_code == 412

        await asyncio.gather(*(add_one_cent() for _ in range(20)))
    assert assert_item_response(owner.items.get(location))["price"] == "0.20"


async def test_item_created_during_deletion_of_its_owner_is_deleted(
    stack: Stack, new_user: NewUser, anonymous: ApiClient, request_log: RequestLog
) -> None:
    owners = [new_user() for _ in range(3)]

    async def create_items_and_delete_account(owner: ApiClient) -> Counter[int]:
        async with (
            request_log.async_client(stack.items.url) as items,
            request_log.async_client(stack.users.url) as users,
        ):
            for client in (items, users):
                client.headers.update(owner.headers)
            selling = [items.post("/items/", json=create_item_data()) for _ in range(20)]
            password = {"current_password": owner.data["password"]}
            deleting = users.post("/users/me/deletion", json=password)
            *responses, deletion = await asyncio.gather(*selling, deleting)
        assert deletion.status_code == 204
        return Counter(response.status_code for response in responses)

    outcomes = await asyncio.gather(*map(create_items_and_delete_account, owners))
    # Created, or refused because the owner is deleted.
    assert set().union(*outcomes) <= {201, 401, 403}

    def all_items_are_deleted() -> bool:
        return all(has_no_items(anonymous, owner.id) for owner in owners)

    await asyncio.to_thread(wait_for, all_items_are_deleted, "the items to be deleted")
