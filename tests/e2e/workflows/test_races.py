"""Concurrent requests on real connections."""

import asyncio
from collections import Counter

import pytest

from service_testing.assertions import assert_error_response
from tests.e2e.actions import has_no_items
from tests.e2e.clients import ApiClient, NewUser
from tests.e2e.factories import create_item_data, create_user_data
from tests.e2e.helpers import assert_item_response
from tests.e2e.request_log import RequestLog
from tests.e2e.stack import Stack, wait_for
from tests.e2e.stack_fixtures import COMPOSE, LOCAL


@pytest.mark.slow
async def test_one_of_200_concurrent_registrations_of_one_email_succeeds(
    stack: Stack, request_log: RequestLog, pytestconfig: pytest.Config
) -> None:
    stack_kind = pytestconfig.getoption("--stack")
    email = create_user_data()["email"]
    spellings = (email, email.upper().replace("EXAMPLE.COM", "example.com"))
    async with request_log.async_client(stack.users.url) as client:
        responses = await asyncio.gather(
            *(
                client.post("/users/", json=create_user_data(email=spellings[number % 2]))
                for number in range(200)
            )
        )
        late = await client.post("/users/", json=create_user_data(email=email))
        while stack_kind == COMPOSE and late.status_code == 503:
            # The queue of password hashes is not empty yet.
            late = await client.post("/users/", json=create_user_data(email=email))
    statuses = Counter(response.status_code for response in responses)
    if stack_kind == LOCAL:
        assert statuses == {201: 1, 409: 199}
    # Containers with resource limits may answer some of them with 503.
    assert statuses[201] <= 1
    assert statuses.keys() <= {201, 409, 503}
    assert_error_response(late, 409, "email_taken")


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


async def test_concurrent_use_of_one_refresh_token_succeeds_at_most_once(
    stack: Stack, new_user: NewUser, request_log: RequestLog
) -> None:
    user = new_user()
    body = {"refresh_token": user.refresh_token}
    async with request_log.async_client(stack.users.url) as client:
        responses = await asyncio.gather(
            *(client.post("/auth/refresh", json=body) for _ in range(10))
        )
    statuses = Counter(response.status_code for response in responses)
    assert statuses.keys() <= {200, 401}
    assert statuses[200] <= 1


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
            *responses, deletion = await asyncio.gather(*selling, users.delete("/users/me"))
        assert deletion.status_code == 204
        return Counter(response.status_code for response in responses)

    outcomes = await asyncio.gather(*map(create_items_and_delete_account, owners))
    # Created, or refused because the owner is deleted.
    assert set().union(*outcomes) <= {201, 401, 403}

    def all_items_are_deleted() -> bool:
        return all(has_no_items(anonymous, owner.id) for owner in owners)

    await asyncio.to_thread(wait_for, all_items_are_deleted, "the items to be deleted")
