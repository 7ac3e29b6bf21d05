"""A service ends while it writes: everything that it acknowledged is there afterwards."""

import asyncio
from collections.abc import Callable
from functools import partial

import httpx
import pytest

from service_testing.assertions import assert_error_response, assert_paginated_response
from tests.e2e.actions import can_create_item
from tests.e2e.clients import ApiClient, NewUser
from tests.e2e.factories import create_item_data, create_user_data
from tests.e2e.helpers import assert_item_response, assert_user_response
from tests.e2e.request_log import RequestLog
from tests.e2e.stack import Service, Stack, wait_for

pytestmark = pytest.mark.slow

_WRITERS = 8
_ACKNOWLEDGED_BEFORE_THE_KILL = 50


async def test_killed_users_service_loses_no_acknowledged_registration(
    stack: Stack, admin: ApiClient, request_log: RequestLog
) -> None:
    async with request_log.async_client(stack.users.url) as client:
        acknowledged = await _write_until_killed(stack.users, client, "/users/", create_user_data)
    stack.users.ensure_ready()
    for user_id, sent in acknowledged.items():
        account = assert_user_response(admin.users.get(f"/admin/users/{user_id}"))
        assert account["email"] == sent["email"]


async def test_killed_items_service_loses_no_acknowledged_item(
    stack: Stack, new_user: NewUser, request_log: RequestLog
) -> None:
    owner = new_user()
    async with request_log.async_client(stack.items.url) as client:
        client.headers.update(owner.headers)
        acknowledged = await _write_until_killed(stack.items, client, "/items/", create_item_data)
    stack.items.ensure_ready()
    for item_id, sent in acknowledged.items():
        assert_item_response(owner.items.get(f"/items/{item_id}"), name=sent["name"])


def test_items_keeps_serving_while_users_is_unavailable(stack: Stack, new_user: NewUser) -> None:
    known = new_user()
    assert_item_response(known.items.post("/items/", json=create_item_data()), status=201)
    # While items is stopped it receives no event about this registration.
    assert stack.items.stop() == 0
    unknown = new_user()
    stack.users.kill()
    # Also after a restart: items keeps the keys in its database.
    stack.items.ensure_ready()
    assert_paginated_response(known.items.get("/items/"))
    assert_item_response(known.items.post("/items/", json=create_item_data()), status=201)
    refused = unknown.items.post("/items/", json=create_item_data())
    assert_error_response(refused, 503, "users_unavailable")
    assert refused.headers["Retry-After"]
    own = unknown.items.get("/items/", params={"owner_id": unknown.id})
    assert_paginated_response(own, count=0)
    stack.users.ensure_ready()
    # The circuit breaker of items has to close first.
    wait_for(partial(can_create_item, unknown), "items to call users again")


@pytest.mark.parametrize("name", ["users", "items"])
def test_sigterm_ends_a_service_with_exit_code_0(stack: Stack, name: str) -> None:
    service: Service = getattr(stack, name)
    assert service.stop() == 0
    service.ensure_ready()


async def _write_until_killed(
    service: Service, client: httpx.AsyncClient, path: str, new_body: Callable[[], object]
) -> dict[int, dict[str, str]]:
    """Write on several connections and kill the service while they run; the acknowledged bodies by id."""
    acknowledged: dict[int, dict[str, str]] = {}
    enough = asyncio.Event()

    async def write() -> None:
        while True:
            body = new_body()
            try:
                response = await client.post(path, json=body)
            except httpx.TransportError:
                return
            if response.status_code == 503:  # answered by a proxy
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
