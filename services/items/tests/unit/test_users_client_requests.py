"""The requests that the client sends to the users service, and its logs."""

import logging

import pytest
from structlog.types import EventDict

from app.errors import UsersUnavailable
from service_testing.faults import (
    Behaviour,
    FaultyTransport,
    answer,
    malformed_json,
    refused,
    unavailable,
    uncovered,
)
from tests.unit.conftest import KEYS, USER, ConnectTo

TOKEN = "the-callers-own-token"


async def test_get_user_sends_the_token(connect_to: ConnectTo) -> None:
    users = FaultyTransport(answer(200, json=USER))
    await connect_to(users).get_user(7, TOKEN)
    (request,) = users.requests
    assert request.method == "GET"
    assert str(request.url) == "http://users.example/users/7"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"


async def test_fetch_keys_sends_no_token(connect_to: ConnectTo) -> None:
    users = FaultyTransport(answer(200, json=USER), answer(200, json=KEYS))
    client = connect_to(users)
    await client.get_user(7, TOKEN)
    await client.fetch_keys()
    assert str(users.requests[1].url) == "http://users.example/.well-known/jwks.json"
    assert "Authorization" not in users.requests[1].headers


@pytest.mark.parametrize(
    "last_answer", [unavailable(), uncovered(403), malformed_json(), refused()]
)
async def test_outage_is_logged_without_the_token(
    connect_to: ConnectTo,
    logs: list[EventDict],
    caplog: pytest.LogCaptureFixture,
    last_answer: Behaviour,
) -> None:
    caplog.set_level(logging.DEBUG)
    client = connect_to(FaultyTransport(last_answer))
    with pytest.raises(UsersUnavailable):
        await client.get_user(7, TOKEN)
    assert "provider_unavailable" in [line["event"] for line in logs]
    assert TOKEN not in str(logs)
    assert TOKEN not in caplog.text
