"""What events say of an account."""

import json
from datetime import timedelta
from typing import Any

import pytest

from app.models import User
from app.outbox.events import EventType, event_of, on_the_wire
from chassis.db.columns import utc_now
from chassis.events.cloudevents import to_http
from chassis.web.context import current_context, request_context


def user(**changes: Any) -> User:
    return User(
        **{
            "id": 7,
            "email": "ada@example.com",
            "email_key": "ada@example.com",
            "name": "Ada",
            "search_text": "ada",
            "password_hash": "secret hash",
            "role": "admin",
            "version": 3,
            **changes,
        }
    )


class TestState:
    @pytest.mark.parametrize("event_type", ["user.created", "user.updated"])
    @pytest.mark.parametrize("is_active", [True, False])
    def test_state_is_that_of_the_account(self, event_type: EventType, is_active: bool) -> None:
        event = event_of(event_type, user(is_active=is_active))
        assert event.data == {"id": 7, "name": "Ada", "is_active": is_active, "version": 3}
        assert (event.user_id, event.version, event.type) == (7, 3, event_type)

    def test_state_of_a_deleted_account_is_the_last_one_and_a_version_on(self) -> None:
        event = event_of("user.deleted", user())
        assert event.data == {"id": 7, "name": "Ada", "is_active": False, "version": 4}
        assert event.version == 4

    def test_each_event_has_an_id_of_its_own(self) -> None:
        assert (
            event_of("user.updated", user()).event_id != event_of("user.updated", user()).event_id
        )


class TestCause:
    def test_cause_is_the_request_under_way(self) -> None:
        context = request_context(b"req-1", None)
        token = current_context.set(context)
        event = event_of("user.created", user())
        current_context.reset(token)
        assert (event.request_id, event.traceparent) == ("req-1", context.traceparent)

    def test_cause_of_a_command_is_none(self) -> None:
        event = event_of("user.created", user())
        assert (event.request_id, event.traceparent) == (None, None)


class TestWire:
    def test_wire_form_is_the_agreed_one(self) -> None:
        event = event_of("user.updated", user())
        event.traceparent, event.request_id = "00-4bf9-00f0-01", "req-1"
        _, body = to_http(on_the_wire(event))
        sent = json.loads(body)
        assert utc_now() - event.occurred_at < timedelta(minutes=1)
        assert sent.pop("time") == event.occurred_at.isoformat().replace("+00:00", "Z")
        assert sent == {
            "specversion": "1.0",
            "id": event.event_id,
            "source": "/users",
            "type": "user.updated",
            "subject": "7",
            "datacontenttype": "application/json",
            "traceparent": "00-4bf9-00f0-01",
            "requestid": "req-1",
            "data": {"id": 7, "name": "Ada", "is_active": True, "version": 3},
        }

    def test_wire_form_has_nothing_personal_but_the_name(self) -> None:
        _, body = to_http(on_the_wire(event_of("user.deleted", user())))
        for private in (b"ada@example.com", b"secret hash", b"admin"):
            assert private not in body
