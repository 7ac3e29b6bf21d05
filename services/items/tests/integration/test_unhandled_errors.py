"""A route that fails in a way nobody foresaw: what the caller sees, and what the log says."""

from typing import NoReturn

from fastapi import FastAPI
from structlog.types import EventDict

from chassis.auth.tokens import Principal
from service_testing.assertions import assert_error_response, assert_paginated_response
from service_testing.client import AppClient, app_transport
from service_testing.factories import create_item_data

CAUSE = "the vault is open"


class BrokenOwners:
    async def learn(self, principal: Principal) -> NoReturn:
        raise RuntimeError(CAUSE)


async def test_a_failure_is_a_500_that_tells_its_cause_to_the_log_alone(
    own_app: FastAPI, client: AppClient, user_token: str, logs: list[EventDict]
) -> None:
    own_app.state.owners = BrokenOwners()
    broken = AppClient(app_transport(own_app), token=user_token)
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
