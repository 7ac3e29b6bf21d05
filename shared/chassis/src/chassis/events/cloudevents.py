"""Events between services: CloudEvents 1.0 over HTTP (specification and HTTP binding, v1.0.2).

The library encodes and decodes. It makes up what a received event lacks, its id among it, so what
an event must have is checked here.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_binary, from_structured, to_structured
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import StringConstraints, TypeAdapter, ValidationError

from chassis.web.errors import BadRequest, UnsupportedMediaType
from chassis.web.fields import storable

STRUCTURED = "application/cloudevents+json"
BINARY = "application/json"
MAX_ATTRIBUTE_LENGTH = 255
"""Of an id, a source, a type and a subject: consumers keep them in columns and indexes."""

_FORMAT = JSONFormat()
_REQUIRED = ("specversion", "id", "source", "type")
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s;"]*)', re.IGNORECASE)
_ATTRIBUTE = TypeAdapter(
    Annotated[str, StringConstraints(max_length=MAX_ATTRIBUTE_LENGTH), storable]
)
_HINT = re.compile(r"[\x21-\x7e]{1,255}")


class MalformedEvent(BadRequest):
    """The request is no CloudEvent. Its `detail` says what is wrong, and repeats no value."""

    sentence = "The request is not a CloudEvent."


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event, with the attributes that services use; others are passed over."""

    id: str
    """With the source it names the event: a second delivery of it has the same."""
    source: str
    type: str
    data: Any = None
    """JSON. A consumer checks it against what events of this type carry."""
    subject: str | None = None
    time: datetime | None = None
    """In UTC."""
    traceparent: str | None = None
    """Of the request that caused it (CloudEvents' extension Distributed Tracing)."""
    request_id: str | None = None
    """The X-Request-ID that caused it; on the wire the extension `requestid`."""


def to_http(event: Event) -> tuple[dict[str, str], bytes]:
    """Headers and body of a request that delivers the event, in structured mode."""
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time or datetime.now(UTC),
        "datacontenttype": "application/json",
        "traceparent": event.traceparent,
        "requestid": event.request_id,
    }
    present = {name: value for name, value in attributes.items() if value is not None}
    message = to_structured(CloudEvent(present, event.data), _FORMAT)
    return message.headers, message.body


def from_http(headers: Mapping[str, str], body: bytes) -> Event:
    """The event that a request delivers, in structured or in binary mode.

    The names of `headers` are looked up as they are: pass a mapping that ignores case.

    Raises:
        UnsupportedMediaType: a batch, another format than JSON, or another encoding than UTF-8.
        MalformedEvent: an attribute is missing or wrong, or the body isn't JSON.
    """
    content_type = headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    charset = _CHARSET.search(content_type)
    if media_type not in (STRUCTURED, BINARY) or (charset and charset[1].lower() != "utf-8"):
        raise UnsupportedMediaType(
            f"Send one event as {STRUCTURED}, or as {BINARY} with ce-* headers; in UTF-8."
        )
    try:
        decoded = _decode(media_type, HTTPMessage(dict(headers), body))
    except CloudEventValidationError as error:
        raise MalformedEvent(_sentence(error)) from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedEvent("The body is not JSON in UTF-8.") from None
    except (ValueError, TypeError, AttributeError, OverflowError):
        # The only attributes of version 1.0 that the library doesn't take as they are.
        raise MalformedEvent(
            "`time` must be a time as in RFC 3339, and `data_base64` Base64."
        ) from None
    return _event(decoded)


def _decode(media_type: str, message: HTTPMessage) -> BaseCloudEvent:
    # Looked at here, because the library takes what isn't JSON for text, and any JSON for an object.
    content = json.loads(message.body) if message.body or media_type == STRUCTURED else None
    if media_type == BINARY:
        return from_binary(message, _FORMAT, _complete)
    if not isinstance(content, dict):
        raise MalformedEvent("The body is not a JSON object.")
    return from_structured(message, _FORMAT, _complete)


def _complete(attributes: dict[str, Any], data: Any) -> CloudEvent:
    if missing := [name for name in _REQUIRED if name not in attributes]:
        raise MalformedEvent(f"{_listed(missing)} missing.")
    has_time = "time" in attributes
    event = CloudEvent(attributes, data)
    if not has_time:
        del attributes["time"]
    return event


def _sentence(error: CloudEventValidationError) -> str:
    # Not the library's own words: they repeat the names of extensions, which the client chose.
    known = {*_REQUIRED, "time", "subject", "datacontenttype", "dataschema"}
    wrong = sorted(known & error.errors.keys())
    if not wrong:
        return "The name of an extension is not lower-case letters and digits."
    return f"{_listed(wrong)} not as CloudEvents 1.0 says."


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) + (" is" if len(names) == 1 else " are")


def _event(decoded: BaseCloudEvent) -> Event:
    data = decoded.get_data()
    if isinstance(data, bytes):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            raise MalformedEvent("`data_base64` is not JSON in UTF-8.") from None
    for name in ("id", "source", "type", "subject"):
        _check_length(name, decoded.get_attributes().get(name))
    return Event(
        id=decoded.get_id(),
        source=decoded.get_source(),
        type=decoded.get_type(),
        data=data,
        subject=decoded.get_subject(),
        time=_utc(decoded.get_time()),
        traceparent=_hint(decoded.get_extension("traceparent")),
        request_id=_hint(decoded.get_extension("requestid")),
    )


def _check_length(name: str, value: str | None) -> None:
    if value is None:
        return
    try:
        _ATTRIBUTE.validate_python(value)
    except ValidationError:
        raise MalformedEvent(
            f"`{name}` must be at most {MAX_ATTRIBUTE_LENGTH} characters of valid Unicode, without NUL."
        ) from None


def _utc(time: datetime | None) -> datetime | None:
    try:
        return time.astimezone(UTC) if time else None
    except OverflowError:
        raise MalformedEvent("`time` is out of range.") from None


def _hint(value: Any) -> str | None:
    # Nothing depends on these: what they should not be is not there.
    return value if isinstance(value, str) and _HINT.fullmatch(value) else None
