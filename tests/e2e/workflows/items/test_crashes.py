"""A service ends while it writes: everything that it acknowledged is there afterwards."""

from functools import partial

import pytest

from service_testing.assertions import assert_error_response, assert_paginated_response
from tests.e2e.clients import NewUser
from tests.e2e.crashes import write_until_killed
from tests.e2e.request_log import RequestLog
from tests.e2e.stack import Stack, wait_for
from tests.e2e.workflows.items.actions import can_create_item
from tests.e2e.workflows.items.factories import create_item_data
from tests.e2e.workflows.items.helpers import assert_item_response

pytestmark = pytest.mark.slow


async def test_killed_items_service_loses_no_acknowledged_item(
    stack: Stack, new_user: NewUser, request_log: RequestLog
) -> None:
    owner = new_user()
    async with request_log.async_client(stack.items.url) as client:
        client.headers.update(owner.headers)
        acknowledged = await write_until_killed(stack.items, client, "/items/", create_item_data)
    stack.items.ensure_ready()
    for item_id, sent in acknowledged.items():
        assert_item_response(owner.items.get(f"/items/{item_id}"), name=sent["name"])


def test_items_keeps_serving_while_users_is_unavailable(
    stack: Stack, new_user: NewUser, events_transport: str
) -> None:
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
    if events_transport == "nats" and refused.is_success:  # the broker had the event already
        assert_item_response(refused, status=201)
    else:
        assert_error_response(refused, 503, "users_unavailable")
        assert refused.headers["Retry-After"]
    own = unknown.items.get("/items/", params={"owner_id": unknown.id})
    assert_paginated_response(own, count=int(refused.is_success))
    stack.users.ensure_ready()
    # The circuit breaker of items has to close first.
    wait_for(partial(can_create_item, unknown), "items to call users again")
