import httpx
import pytest

from chassis.events import from_http
from chassis.tokens import TokenVerifier
from service_testing.events import Mode, create_event, event_request, sender_token
from service_testing.tokens import TokenIssuer


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_an_event_arrives_as_it_was_made(mode: Mode) -> None:
    event = create_event("user.created", {"id": 7}, subject="7")
    headers, body = event_request(event, mode)
    received = from_http(httpx.Headers(headers), body)
    assert (received.id, received.source, received.type) == (event.id, "/users", "user.created")
    assert (received.subject, received.data) == ("7", {"id": 7})


def test_an_event_in_binary_mode_may_do_without_a_subject() -> None:
    headers, body = event_request(create_event("user.created", None), "binary")
    assert from_http(httpx.Headers(headers), body).subject is None


def test_two_events_are_two() -> None:
    assert create_event("user.created").id != create_event("user.created").id


def test_an_event_may_be_the_same_again() -> None:
    event = create_event("user.created", id="one", source="/elsewhere")
    assert (event.id, event.source) == ("one", "/elsewhere")


async def test_a_sender_s_token_is_for_one_audience_and_speaks_for_no_user() -> None:
    issuer = TokenIssuer()
    token = sender_token(issuer, audience="items-events")
    claims = await TokenVerifier(issuer, audience="items-events").claims(token)
    assert (claims["aud"], claims["sub"]) == ("items-events", "users")
    assert "role" not in claims
