import base64
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from chassis.events.cloudevents import BINARY, STRUCTURED, Event, MalformedEvent, from_http, to_http
from chassis.web.errors import UnsupportedMediaType

EVENT = Event(
    id="5f6c2f2e-6a50-4f6e-8f6f-0d5a3a3c8d4b",
    source="/users",
    type="user.updated",
    subject="7",
    time=datetime(2026, 5, 17, 9, 30, 0, 123456, tzinfo=UTC),
    data={"id": 7, "name": "Ada Lovelace é", "is_active": True, "version": 3},
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    request_id="req-1",
)
ATTRIBUTES = {"specversion": "1.0", "id": "1", "source": "/users", "type": "user.updated"}


def structured(content: Any, content_type: str = STRUCTURED) -> Event:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return from_http(httpx.Headers({"Content-Type": content_type}), body)


def binary(body: bytes = b"{}", **headers: str) -> Event:
    attributes = {f"ce-{name}": value for name, value in {**ATTRIBUTES, **headers}.items()}
    return from_http(httpx.Headers({"Content-Type": BINARY, **attributes}), body)


class TestRoundTrip:
    def test_event_is_read_as_it_was_sent(self) -> None:
        headers, body = to_http(EVENT)
        assert from_http(httpx.Headers(headers), body) == EVENT

    def test_event_is_structured_json_with_the_names_of_the_specification(self) -> None:
        headers, body = to_http(EVENT)
        assert headers == {"content-type": STRUCTURED}
        assert json.loads(body) == {
            "specversion": "1.0",
            "id": EVENT.id,
            "source": "/users",
            "type": "user.updated",
            "subject": "7",
            "time": "2026-05-17T09:30:00.123456Z",
            "datacontenttype": "application/json",
            "traceparent": EVENT.traceparent,
            "requestid": "req-1",
            "data": EVENT.data,
        }

    def test_event_leaves_out_what_it_does_not_have(self) -> None:
        _, body = to_http(Event(id="1", source="/users", type="user.created", data={}))
        absent = {"subject", "traceparent", "requestid"}
        assert absent & json.loads(body).keys() == set()

    def test_event_in_binary_mode_is_the_same(self) -> None:
        _, body = to_http(EVENT)
        attributes = json.loads(body)
        data = attributes.pop("data")
        attributes["time"] = EVENT.time
        message = to_binary(CloudEvent(attributes, data), JSONFormat())
        assert from_http(httpx.Headers(message.headers), message.body) == EVENT

    def test_sdk_reads_what_the_relay_sends(self) -> None:
        headers, body = to_http(EVENT)
        event = from_http_event(HTTPMessage(headers, body), JSONFormat())
        assert (event.get_id(), event.get_source(), event.get_type()) == (
            EVENT.id,
            EVENT.source,
            EVENT.type,
        )
        assert (event.get_time(), event.get_data()) == (EVENT.time, EVENT.data)

    @given(
        name=st.text(st.characters(codec="utf-8"), max_size=120),
        moment=st.datetimes(timezones=st.just(UTC)),
    )
    def test_event_keeps_any_name_and_time(self, name: str, moment: datetime) -> None:
        event = Event(id="1", source="/users", type="t", time=moment, data={"name": name})
        headers, body = to_http(event)
        assert from_http(httpx.Headers(headers), body) == event


class TestTolerance:
    def test_unknown_attributes_are_ignored(self) -> None:
        event = structured({**ATTRIBUTES, "partitionkey": "7", "data": {"id": 7}})
        assert event == Event(id="1", source="/users", type="user.updated", data={"id": 7})

    def test_charset_may_be_named(self) -> None:
        assert structured(ATTRIBUTES, f'{STRUCTURED}; charset="UTF-8"').id == "1"

    def test_null_attribute_counts_as_absent(self) -> None:
        event = structured({**ATTRIBUTES, "subject": None, "time": None, "dataschema": None})
        assert event == Event(id="1", source="/users", type="user.updated")
        with pytest.raises(MalformedEvent, match="`id` is missing"):
            structured({**ATTRIBUTES, "id": None})

    @pytest.mark.parametrize("content_type", ["application/vnd.users+json", None])
    def test_binary_mode_takes_any_json_and_no_content_type(self, content_type: str | None) -> None:
        headers = httpx.Headers({f"ce-{name}": value for name, value in ATTRIBUTES.items()})
        if content_type:
            headers["Content-Type"] = content_type
        assert from_http(headers, b'{"id": 7}').data == {"id": 7}

    def test_time_of_another_zone_becomes_utc(self) -> None:
        east = datetime(2026, 5, 17, 11, 30, tzinfo=timezone(timedelta(hours=2)))
        event = structured({**ATTRIBUTES, "time": east.isoformat()})
        assert (event.time, event.time and event.time.tzinfo) == (east, UTC)

    def test_data_may_be_absent_base64_or_no_object(self) -> None:
        assert structured(ATTRIBUTES).data is None
        assert binary(b"").data is None
        encoded = base64.b64encode(b'{"id": 7}').decode()
        assert structured({**ATTRIBUTES, "data_base64": encoded}).data == {"id": 7}
        assert structured({**ATTRIBUTES, "data": [1]}).data == [1]
        assert binary(b'"text"').data == "text"

    @pytest.mark.parametrize("hint", [7, "", "two words", "x" * 256, "line\nbreak"], ids=str)
    def test_invalid_trace_and_request_id_are_none(self, hint: Any) -> None:
        event = structured({**ATTRIBUTES, "traceparent": hint, "requestid": hint})
        assert (event.traceparent, event.request_id) == (None, None)


class TestMediaType:
    @pytest.mark.parametrize(
        "content_type",
        [
            "",
            "text/plain",
            "application/cloudevents-batch+json",
            "application/cloudevents+xml",
            f"{STRUCTURED}; charset=latin-1",
        ],
    )
    def test_media_type_is_refused(self, content_type: str) -> None:
        with pytest.raises(UnsupportedMediaType):
            structured(ATTRIBUTES, content_type)


class TestMalformed:
    @pytest.mark.parametrize("name", ATTRIBUTES)
    def test_malformed_without_a_required_attribute(self, name: str) -> None:
        present = {key: value for key, value in ATTRIBUTES.items() if key != name}
        with pytest.raises(MalformedEvent, match=f"`{name}` is missing"):
            structured(present)
        headers = {f"ce-{key}": value for key, value in present.items()}
        with pytest.raises(MalformedEvent, match=f"`{name}` is missing"):
            from_http(httpx.Headers({"Content-Type": BINARY, **headers}), b"{}")

    def test_malformed_event_names_all_that_is_missing(self) -> None:
        with pytest.raises(MalformedEvent, match="`id`, `type` are missing"):
            structured({"specversion": "1.0", "source": "/users"})

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("specversion", "0.3"),
            ("id", ""),
            ("id", 7),
            ("id", "x" * 256),
            ("id", "nul\0"),
            ("source", {}),
            ("source", "\ud800"),
            ("type", ["user.updated"]),
            ("subject", 7),
            ("subject", ""),
            ("time", "yesterday"),
            ("time", dict.fromkeys("date")),
            ("time", "2026-05-17T09:30:00"),
            ("time", "0001-01-01T00:00:00+14:00"),
            ("datacontenttype", 5),
            ("data_base64", "%"),
            ("data_base64", base64.b64encode(b"{").decode()),
        ],
        ids=str,
    )
    def test_malformed_attribute_is_named_and_not_repeated(self, name: str, value: Any) -> None:
        with pytest.raises(MalformedEvent) as refusal:
            structured({**ATTRIBUTES, name: value})
        assert f"`{name}`" in refusal.value.detail
        if isinstance(value, str) and len(value) > 3:
            assert value not in refusal.value.detail

    def test_malformed_name_of_an_extension_is_not_repeated(self) -> None:
        with pytest.raises(MalformedEvent, match="name of an extension") as refusal:
            structured({**ATTRIBUTES, "Not-A-Name": "x"})
        assert "Not-A-Name" not in refusal.value.detail

    def test_malformed_encoding_of_an_older_version_is_refused(self) -> None:
        with pytest.raises(MalformedEvent):
            structured({**ATTRIBUTES, "specversion": "0.3", "datacontentencoding": 7})

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[]", b"7", b'"text"', b"\xff", b"[" * 100_000], ids=repr
    )
    def test_malformed_body_is_refused(self, body: bytes) -> None:
        with pytest.raises(MalformedEvent, match="body is not"):
            structured(body)

    @pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000], ids=["cut", "bytes", "deep"])
    def test_malformed_data_in_binary_mode_is_refused(self, body: bytes) -> None:
        with pytest.raises(MalformedEvent, match="body is not JSON"):
            binary(body)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        )
    )
    def test_any_json_is_an_event_or_malformed(self, content: Any) -> None:
        wrong = {**ATTRIBUTES, **content} if isinstance(content, dict) else content
        with suppress(MalformedEvent):
            structured(wrong)

    @given(st.binary(max_size=60))
    def test_any_bytes_are_malformed(self, body: bytes) -> None:
        for content_type in (STRUCTURED, BINARY):
            with pytest.raises(MalformedEvent):
                structured(body, content_type)
