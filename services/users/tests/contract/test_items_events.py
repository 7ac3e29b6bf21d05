"""What users expects of `POST /events/` of items, with its own relay."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from app.events.user_events import SOURCE, EventType
from app.models import OutboxEvent
from app.schemas import AccessToken
from chassis.events.cloudevents import STRUCTURED
from chassis.events.outbox.transport import (
    Answer,
    Delivered,
    DeliveryTokens,
    Failed,
    HttpTransport,
    Refused,
)
from chassis.http.client import service_client
from chassis.web.fields import MAX_ID
from contracts.consumer import ExpectedProvider, Request, Response, State, state

EVENT_ID = "5f6c2f2e-6a50-4f6e-8f6f-0d5a3a3c8d4b"
ADA = {"id": 7, "name": "Ada", "is_active": True, "version": 3}
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
    data: dict[str, Any] = ADA,
    cause: dict[str, str] | None = CAUSE,
) -> Answer:
    """Deliver the event with users' own client to items, which answers with the status."""
    cause = cause or {}
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
    body = {
        "specversion": "1.0",
        "id": EVENT_ID,
        "source": "/users",
        "type": event_type,
        "subject": str(data["id"]),
        "time": "2026-11-23T09:30:00.123456Z",
        "datacontenttype": "application/json",
        "data": data,
        **cause,
    }
    request = Request(
        method="POST",
        path="/events/",
        headers={"Authorization": "Bearer relay-token"},
        body=body,
        content_type=STRUCTURED,
    )
    with items.answers(
        description, given=given, request=request, response=Response(status=status)
    ) as url:
        async with service_client("", timeout_seconds=5) as http:
            tokens = DeliveryTokens(issue, "items-events")
            sink = HttpTransport(f"{url}/events/", http, tokens, source=SOURCE, deadline_seconds=5)
            return await sink.deliver(event)


class TestDelivery:
    async def test_event_of_a_new_user_is_accepted(self, items: ExpectedProvider) -> None:
        description = "the delivery of user.created"
        answer = await deliver(
            items, description, RELAY, NO_OWNER, status=204, event_type="user.created"
        )
        assert answer == Delivered()

    @pytest.mark.parametrize("event_type", ["user.updated", "user.deleted"])
    async def test_event_of_a_change_is_accepted(
        self, items: ExpectedProvider, event_type: EventType
    ) -> None:
        description = f"the delivery of {event_type}"
        answer = await deliver(items, description, RELAY, OWNER, status=204, event_type=event_type)
        assert answer == Delivered()

    async def test_event_of_a_deactivation_is_accepted(self, items: ExpectedProvider) -> None:
        data = {**ADA, "is_active": False}
        answer = await deliver(
            items, "the delivery of a deactivation", RELAY, OWNER, status=204, data=data
        )
        assert answer == Delivered()

    async def test_event_without_a_request_is_accepted(self, items: ExpectedProvider) -> None:
        description = "the delivery of a change that a command made"
        answer = await deliver(items, description, RELAY, OWNER, status=204, cause=None)
        assert answer == Delivered()

    async def test_event_with_the_longest_name_and_largest_numbers_is_accepted(
        self, items: ExpectedProvider
    ) -> None:
        data = {"id": MAX_ID, "name": "Ł" * 120, "is_active": True, "version": 2**31 - 1}
        description = "the delivery of the longest name and the greatest numbers"
        nobody = state("no owner", id=MAX_ID)
        answer = await deliver(items, description, RELAY, nobody, status=204, data=data)
        assert answer == Delivered()

    @pytest.mark.parametrize("event_type", ["user.updated", "user.deleted"])
    async def test_first_event_of_an_unknown_user_is_accepted(
        self, items: ExpectedProvider, event_type: EventType
    ) -> None:
        description = f"the delivery of {event_type} of somebody unknown"
        answer = await deliver(
            items, description, RELAY, NO_OWNER, status=204, event_type=event_type
        )
        assert answer == Delivered()

    async def test_event_of_a_deleted_user_is_accepted(self, items: ExpectedProvider) -> None:
        gone = state("a deleted owner", id=7, version=2)
        answer = await deliver(items, "the delivery of somebody deleted", RELAY, gone, status=204)
        assert answer == Delivered()

    async def test_event_of_an_unknown_type_is_accepted(self, items: ExpectedProvider) -> None:
        answer = await deliver(
            items, "the delivery of an unknown type", RELAY, status=204, event_type="user.merged"
        )
        assert answer == Delivered()

    async def test_repeated_event_is_accepted(self, items: ExpectedProvider) -> None:
        received = state("an event that was received", source="/users", id=EVENT_ID)
        answer = await deliver(
            items, "a delivery for the second time", RELAY, OWNER, received, status=204
        )
        assert answer == Delivered()

    async def test_event_with_an_older_version_is_accepted(self, items: ExpectedProvider) -> None:
        newer = state("an owner", id=7, name="Augusta", version=4)
        answer = await deliver(items, "the delivery of an older version", RELAY, newer, status=204)
        assert answer == Delivered()

    async def test_invalid_event_returns_400(self, items: ExpectedProvider) -> None:
        data = {"id": 7}
        answer = await deliver(
            items, "the delivery of an event that says too little", RELAY, status=400, data=data
        )
        assert isinstance(answer, Refused)

    @pytest.mark.parametrize(
        ("description", "relay"),
        [
            ("a delivery with an expired token", "a relay whose token has expired"),
            ("a delivery with a foreign token", "a relay whose token somebody else signed"),
        ],
        ids=["expired", "foreign"],
    )
    async def test_event_with_an_invalid_token_returns_401(
        self, items: ExpectedProvider, description: str, relay: str
    ) -> None:
        answer = await deliver(items, description, state(relay), NO_OWNER, status=401)
        assert isinstance(answer, Failed)
