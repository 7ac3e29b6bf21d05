"""An unexpected error in a route: the response, and the log."""

from dataclasses import replace
from typing import NoReturn

from fastapi import FastAPI
from structlog.types import EventDict

from app.dependencies import ItemsState
from app.services.owners import OwnerLookup
from chassis.auth.tokens import Principal
from service_testing.assertions import assert_error_response, assert_paginated_response
from service_testing.client import AppClient, app_transport
from tests.factories import create_item_data
from tests.fake_users import FakeUsers

CAUSE = "the vault is open"


class BrokenOwners(OwnerLookup):
    async def look_up(self, principal: Principal) -> NoReturn:
        raise RuntimeError(CAUSE)


async def test_unhandled_error_is_a_500_and_only_the_log_shows_its_cause(
    app: FastAPI,
    app_state: ItemsState,
    client: AppClient,
    users: FakeUsers,
    user_token: str,
    logs: list[EventDict],
) -> None:
    owners = BrokenOwners(app_state.database, users)
    transport = app_transport(app, state=replace(app_state, owners=owners))
    broken = AppClient(transport, token=user_token)
    response = await broken.post(
        "/items/", json=create_item_data(), headers={"X-Request-ID": "my-request"}
    )
    body = assert_error_response(response, 500, "internal_error")
    assert body["request_id"] == "my-request"
    assert CAUSE not in response.text
    (line,) = [line for line in logs if CAUSE in str(line.get("exception"))]
    assert (line["log_level"], line["request_id"]) == ("error", "my-request")
    assert user_token not in str(logs)
    assert_paginated_response(await client.get("/items/"), total=0)
