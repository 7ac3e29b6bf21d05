"""An unexpected error in a route: the caller gets a 500, the log gets the cause."""

from dataclasses import replace
from typing import NoReturn

from fastapi import FastAPI
from structlog.types import EventDict

from app.dependencies import UsersState
from app.services.passwords import HasGone, PasswordHasher, never_gone
from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient, app_transport
from tests.factories import create_user_data

CAUSE = "the vault is open"


class BrokenHasher(PasswordHasher):
    async def hash(self, password: str, has_gone: HasGone = never_gone) -> NoReturn:
        raise RuntimeError(CAUSE)


async def test_unhandled_error_is_a_500_whose_cause_is_only_logged(
    app: FastAPI, state: UsersState, client: AppClient, logs: list[EventDict]
) -> None:
    without_passwords = replace(state, passwords=BrokenHasher(state.settings))
    broken = AppClient(app_transport(app, state=without_passwords))
    data = create_user_data()
    response = await broken.post("/users/", json=data, headers={"X-Request-ID": "my-request"})
    body = assert_error_response(response, 500, "internal_error")
    assert body["request_id"] == "my-request"
    assert CAUSE not in response.text
    (line,) = [line for line in logs if CAUSE in str(line.get("exception"))]
    assert (line["log_level"], line["request_id"]) == ("error", "my-request")
    assert data["password"] not in str(logs)
    # Nothing of the account stayed behind: the same address registers where nothing is broken.
    assert_status(await client.post("/users/", json=data), 201)
