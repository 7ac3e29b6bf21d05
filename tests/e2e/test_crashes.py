"""A service ends in the middle of its work: what it acknowledged is there when it's back."""

import asyncio
from collections.abc import Callable
from functools import partial

import httpx
import pytest
from calls import CallLog
from people import Person
from selling import can_put_up
from stack import Service, Stack, wait_for

from service_testing.assertions import (
    assert_error_response,
    assert_item_response,
    assert_paginated_response,
    assert_user_response,
)
from service_testing.factories import create_item_data, create_user_data

pytestmark = pytest.mark.slow

NewPerson = Callable[[], Person]
_WRITERS = 8
_ACKNOWLEDGED_BEFORE_THE_KILL = 50


async def test_no_acknowledged_registration_is_lost_by_a_kill(
    stack: Stack, admin: Person, calls: CallLog
) -> None:
    async with calls.async_client(stack.users.url) as client:
        acknowledged = await _write_until_killed(stack.users, client, "/users/", create_user_data)
    stack.users.ensure_ready()
    for user_id, sent in acknowledged.items():
        account = assert_user_response(admin.users.get(f"/admin/users/{user_id}"))
        assert account["email"] == sent["email"]


async def test_no_acknowledged_item_is_lost_by_a_kill(
    stack: Stack, new_person: NewPerson, calls: CallLog
) -> None:
    seller = new_person()
    async with calls.async_client(stack.items.url) as client:
        client.headers.update(seller.headers)
        acknowledged = await _write_until_killed(stack.items, client, "/items/", create_item_data)
    stack.items.ensure_ready()
    for item_id, sent in acknowledged.items():
        assert_item_response(seller.items.get(f"/items/{item_id}"), name=sent["name"])


def test_items_serves_without_users_and_says_what_it_cannot_do(
    stack: Stack, new_person: NewPerson
) -> None:
    known = new_person()
    assert_item_response(known.items.post("/items/", json=create_item_data()), status=201)
    # Of someone who registers while items is away it can't hear from users that is away by then.
    assert stack.items.stop() == 0
    unknown = new_person()
    stack.users.kill()
    # Also from a fresh start: the keys were kept.
    stack.items.ensure_ready()
    assert_paginated_response(known.items.get("/items/"))
    assert_item_response(known.items.post("/items/", json=create_item_data()), status=201)
    refused = unknown.items.post("/items/", json=create_item_data())
    assert_error_response(refused, 503, "users_unavailable")
    assert refused.headers["Retry-After"]
    own = unknown.items.get("/items/", params={"owner_id": unknown.id})
    assert_paginated_response(own, count=0)
    stack.users.ensure_ready()
    # After so many failures items asks users again only when its pause is over.
    wait_for(partial(can_put_up, unknown), "items to ask users again")


@pytest.mark.parametrize("name", ["users", "items"])
def test_sigterm_ends_a_service_cleanly(stack: Stack, name: str) -> None:
    service: Service = getattr(stack, name)
    assert service.stop() == 0
    service.ensure_ready()


async def _write_until_killed(
    service: Service, client: httpx.AsyncClient, path: str, new_body: Callable[[], object]
) -> dict[int, dict[str, str]]:
    """Write from several connections, kill the service under them; what was acknowledged, by id."""
    acknowledged: dict[int, dict[str, str]] = {}
    enough = asyncio.Event()

    async def write() -> None:
        while True:
            body = new_body()
            try:
                response = await client.post(path, json=body)
            except httpx.TransportError:
                return
            if response.status_code == 503:  # a proxy's answer, where there is one
                return
            acknowledged[assert_created(response)] = body  # type: ignore[assignment]
            if len(acknowledged) >= _ACKNOWLEDGED_BEFORE_THE_KILL:
                enough.set()

    writers = [asyncio.create_task(write()) for _ in range(_WRITERS)]
    await enough.wait()
    await asyncio.to_thread(service.kill)
    await asyncio.gather(*writers)
    return acknowledged


def assert_created(response: httpx.Response) -> int:
    assert response.status_code == 201, response.text
    created_id: int = response.json()["id"]
    return created_id
