import json

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chassis.auth.tokens import TokenVerifier
from chassis.events.cloudevents import from_http
from service_testing.client import AppClient, app_transport
from service_testing.events import (
    EventSender,
    Mode,
    create_event,
    event_request,
    sender_token,
)
from service_testing.tokens import TokenIssuer


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_event_arrives_unchanged(mode: Mode) -> None:
    event = create_event("user.created", {"id": 7}, subject="7")
    headers, body = event_request(event, mode)
    received = from_http(httpx.Headers(headers), body)
    assert (received.id, received.source, received.type) == (event.id, "/tests", "user.created")
    assert (received.subject, received.data) == ("7", {"id": 7})


def test_event_is_structured_by_default() -> None:
    """The whole event is the body, and no header repeats it (CloudEvents' HTTP binding, 3.2)."""
    event = create_event("user.created")
    headers, body = event_request(event)
    assert "cloudevents+json" in str(headers)
    assert "ce-id" not in {name.lower() for name in headers}
    assert json.loads(body)["id"] == event.id


async def test_sender_delivers_to_its_path() -> None:
    arrived: list[httpx.Request] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        arrived.append(httpx.Request("POST", str(request.url), headers=request.headers.raw))
        arrived[-1].extensions["body"] = await request.body()
        await Response(status_code=204)(scope, receive, send)

    sender = EventSender(AppClient(app_transport(app)), "a-token", path="/inbox")
    event = create_event("user.created")
    await sender.send(event, "binary")
    await sender.post(b"no event", {"Content-Type": "text/plain"})

    assert [request.url.path for request in arrived] == ["/inbox", "/inbox"]
    assert arrived[0].headers["ce-id"] == event.id
    assert arrived[1].headers["Content-Type"] == "text/plain"
    assert arrived[1].extensions["body"] == b"no event"
    assert {request.headers["Authorization"] for request in arrived} == {"Bearer a-token"}


def test_event_in_binary_mode_needs_no_subject() -> None:
    headers, body = event_request(create_event("user.created", None), "binary")
    assert from_http(httpx.Headers(headers), body).subject is None


def test_each_event_has_a_new_id_unless_it_is_given() -> None:
    assert create_event("user.created").id != create_event("user.created").id
    event = create_event("user.created", id="one", source="/elsewhere")
    assert (event.id, event.source) == ("one", "/elsewhere")


async def test_sender_token_has_one_audience_and_no_role() -> None:
    issuer = TokenIssuer()
    token = sender_token(issuer, audience="items-events")
    claims = await TokenVerifier(issuer, audience="items-events", issuer="issuer").claims(token)
    assert (claims["aud"], claims["sub"]) == ("items-events", "issuer")
    assert "role" not in claims
