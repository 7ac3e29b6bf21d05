"""What users expects of `POST /events/` of items, with its own relay."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from app.events.user_events import SOURCE
from app.schemas import AccessToken
from chassis.events.cloudevents import STRUCTURED, to_http
from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.transport import (
    Answer,
    Delivered,
    DeliveryTokens,
    Failed,
    HttpTransport,
    Refused,
    cloud_event,
)
from chassis.http.client import service_client
from chassis.web.fields import MAX_ID
from contracts.consumer import ExpectedProvider, Request, Response, State, state
from tests.contract.people import SPECIAL_NAME

EVENT_ID = "5f6c2f2e-6a50-4f6e-8f6f-0d5a3a3c8d4b"
ZOE = {"id": 7, "name": SPECIAL_NAME, "is_active": True, "version": 3}
LIMITS = {"id": MAX_ID, "name": "Ł" * 120, "is_active": True, "version": 2**31 - 1}
CAUSE = {
    "requestid": "6f1c42",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}
RELAY = state("users' relay")
NO_OWNER = state("no owner", id=7)
OWNER = state("an owner", id=7, name="Ada", version=2)


async def issue(_: str) -> AccessToken:
    return AccessToken(access_token="relay-token", token_type="bearer", expires_in=60)


@pytest.fixture
def items(expecting: Callable[[str], ExpectedProvider]) -> ExpectedProvider:
    return expecting("items")


async def deliver(
    items: ExpectedProvider,
    description: str,
    *given: State,
    status: int,
    event_type: str = "user.updated",
    data: dict[str, Any] = ZOE,
    cause: dict[str, str] = CAUSE,
) -> Answer:
    """Deliver the event with users' own client to items, which answers with the status."""
    event = OutboxEvent(
        event_id=EVENT_ID,
        aggregate_id=data["id"],
        version=3,
        type=event_type,
        data=data,
        occurred_at=datetime(2026, 11, 23, 9, 30, 0, 123456, tzinfo=UTC),
        request_id=cause.get("requestid"),
        traceparent=cause.get("traceparent"),
    )
    # Whatever users sends: a field more is no failure here, and items has to accept it.
    _, body = to_http(cloud_event(event, SOURCE))
    request = Request(
        method="POST",
        path="/events/",
        headers={"Authorization": "Bearer relay-token"},
        body=json.loads(body),
        content_type=STRUCTURED,
    )
    response = Response(status=status)
    with items.answers(description, given=given, request=request, response=response) as url:
        async with service_client("", timeout_seconds=5) as http:
            tokens = DeliveryTokens(issue, "items-events")
            to_items = HttpTransport(
                f"{url}/events/", http, tokens, source=SOURCE, deadline_seconds=5
            )
            return await to_items.deliver(event)


class TestDelivery:
    @pytest.mark.parametrize(
        ("description", "relay"),
        [
            ("a delivery with an expired token", "a relay whose token has expired"),
            ("a delivery with a forged token", "a relay whose token somebody else signed"),
        ],
        ids=["expired", "forged"],
    )
    async def test_event_with_an_invalid_token_returns_401(
        self, items: ExpectedProvider, description: str, relay: str
    ) -> None:
        answer = await deliver(items, description, state(relay), NO_OWNER, status=401)
        assert isinstance(answer, Failed)

    @pytest.mark.parametrize(
        ("description", "given", "sent"),
        [
            ("the delivery of user.created", NO_OWNER, {"event_type": "user.created"}),
            ("the delivery of user.updated", OWNER, {}),
            ("the delivery of user.deleted", OWNER, {"event_type": "user.deleted"}),
            ("the delivery of a deactivation", OWNER, {"data": {**ZOE, "is_active": False}}),
            ("the delivery of a change that a command made", OWNER, {"cause": {}}),
            (
                "the delivery of the longest name and the largest numbers",
                state("no owner", id=MAX_ID),
                {"data": LIMITS},
            ),
            ("the delivery of user.updated for an unknown owner", NO_OWNER, {}),
            (
                "the delivery of user.deleted for an unknown owner",
                NO_OWNER,
                {"event_type": "user.deleted"},
            ),
            (
                "the delivery of user.updated for a deleted owner",
                state("a deleted owner", id=7, version=2),
                {},
            ),
            (
                "the delivery of an older version",
                state("an owner", id=7, name="Augusta", version=4),
                {},
            ),
            (
                "a repeated delivery",
                state("an event that was received", source="/users", id=EVENT_ID),
                {},
            ),
            ("the delivery of an unknown type", OWNER, {"event_type": "user.merged"}),
        ],
    )
    async def test_event_is_accepted(
        self, items: ExpectedProvider, description: str, given: State, sent: dict[str, Any]
    ) -> None:
        assert await deliver(items, description, RELAY, given, status=204, **sent) == Delivered()

    async def test_incomplete_event_returns_400(self, items: ExpectedProvider) -> None:
        description, data = "the delivery of an incomplete event", {"id": 7}
        answer = await deliver(items, description, RELAY, status=400, data=data)
        assert isinstance(answer, Refused)
