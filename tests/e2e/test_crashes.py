"""A service ends in the middle of its work: what it acknowledged is there when it's back."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from people import Person
from processes import Service, Stack

from service_testing.assertions import (
    assert_error_response,
    assert_item_response,
    assert_paginated_response,
    assert_user_response,
)
from service_testing.factories import create_item_data, create_user_data

NewPerson = Callable[[], Person]
_WRITERS = 8
_ACKNOWLEDGED_BEFORE_THE_KILL = 50


async def test_no_acknowledged_registration_is_lost_by_a_kill(stack: Stack, admin: Person) -> None:
    acknowledged = await _write_until_killed(stack.users, "/users/", create_user_data, {})
    stack.users.ensure_ready()
    for user_id, sent in acknowledged.items():
        account = assert_user_response(admin.users.get(f"/admin/users/{user_id}"))
        assert account["email"] == sent["email"]


async def test_no_acknowledged_item_is_lost_by_a_kill(stack: Stack, new_person: NewPerson) -> None:
    seller = new_person()
    headers = {"Authorization": seller.items.headers["Authorization"]}
    acknowledged = await _write_until_killed(stack.items, "/items/", create_item_data, headers)
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
    assert_item_response(unknown.items.post("/items/", json=create_item_data()), status=201)


@pytest.mark.parametrize("name", ["users", "items"])
def test_sigterm_ends_a_service_cleanly(stack: Stack, name: str) -> None:
    service: Service = getattr(stack, name)
    assert service.stop() == 0
    service.ensure_ready()


async def _write_until_killed(
    service: Service, path: str, new_body: Callable[[], object], headers: dict[str, str]
) -> dict[int, dict[str, str]]:
    """Write from several connections, kill the service under them; what was acknowledged, by id."""
    acknowledged: dict[int, dict[str, str]] = {}
    enough = asyncio.Event()

    async def write(client: httpx.AsyncClient) -> None:
        while True:
            body = new_body()
            try:
                response = await client.post(path, json=body, headers=headers)
            except httpx.TransportError:
                return
            acknowledged[assert_created(response)] = body  # type: ignore[assignment]
            if len(acknowledged) >= _ACKNOWLEDGED_BEFORE_THE_KILL:
                enough.set()

    async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=30) as client:
        writers = [asyncio.create_task(write(client)) for _ in range(_WRITERS)]
        await enough.wait()
        await asyncio.to_thread(service.kill)
        await asyncio.gather(*writers)
    return acknowledged


def assert_created(response: httpx.Response) -> int:
    assert response.status_code == 201, response.text
    created_id: int = response.json()["id"]
    return created_id
