"""Events between services: CloudEvents 1.0 over HTTP (specification and HTTP binding, v1.0.2)."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_binary, from_structured, to_structured
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import AfterValidator, BeforeValidator, StringConstraints, ValidationError
from pydantic.dataclasses import dataclass

from chassis.web.errors import BadRequest, UnsupportedMediaType
from chassis.web.fields import storable
from chassis.web.media_types import is_json

STRUCTURED = "application/cloudevents+json"
BINARY = "application/json"
MAX_ATTRIBUTE_LENGTH = 255
"""The limit of an id, source, type and subject, which consumers store in indexed columns."""

_FORMAT = JSONFormat()
_REQUIRED = ("specversion", "id", "source", "type")
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s;"]*)', re.IGNORECASE)
_HINT = re.compile(r"[\x21-\x7e]{1,255}")


def _valid_hint(value: Any) -> str | None:
    # Nothing depends on these two, so a malformed one is left out.
    return value if isinstance(value, str) and _HINT.fullmatch(value) else None


_Attribute = Annotated[str, StringConstraints(max_length=MAX_ATTRIBUTE_LENGTH), storable]
_Hint = Annotated[str | None, BeforeValidator(_valid_hint)]
_Utc = Annotated[datetime, AfterValidator(lambda time: time.astimezone(UTC))]


class MalformedEvent(BadRequest):
    """The request is not a CloudEvent. Its `detail` is the reason, and repeats no value."""

    sentence = "The request is not a CloudEvent."


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event, with the attributes that services use; others are ignored."""

    id: _Attribute
    """Unique within its source: a second delivery of the event has the same."""
    source: _Attribute
    type: _Attribute
    data: Any = None
    """JSON. A consumer checks it against what events of this type carry."""
    subject: _Attribute | None = None
    time: _Utc | None = None
    traceparent: _Hint = None
    """The trace of the request that caused it (CloudEvents' extension Distributed Tracing)."""
    request_id: _Hint = None
    """The X-Request-ID that caused it; in a request the extension `requestid`."""


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

    `headers` must be a mapping that ignores case.

    Raises:
        UnsupportedMediaType: a batch, another format than JSON, or another encoding than UTF-8.
        MalformedEvent: an attribute is missing or wrong, or the body isn't JSON.
    """
    content_type = headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    charset = _CHARSET.search(content_type)
    is_binary = (is_json(media_type) and not media_type.startswith("application/cloudevents")) or (
        not media_type and "ce-specversion" in headers
    )
    if not (is_binary or media_type == STRUCTURED) or (charset and charset[1].lower() != "utf-8"):
        raise UnsupportedMediaType(
            f"Send one event as {STRUCTURED}, or as {BINARY} with ce-* headers; in UTF-8."
        )
    try:
        return _event(_decode(is_binary, headers, body))
    except CloudEventValidationError as error:
        raise MalformedEvent(_sentence(error.errors)) from None
    except ValidationError as error:
        raise MalformedEvent(_sentence([each["loc"][0] for each in error.errors()])) from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedEvent("The body is not JSON in UTF-8.") from None
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError):
        # Only these attributes of version 1.0 are parsed by the library.
        raise MalformedEvent(
            "`time` must be a time as in RFC 3339, and `data_base64` JSON in Base64."
        ) from None


def _decode(is_binary: bool, headers: Mapping[str, str], body: bytes) -> BaseCloudEvent:
    # Parsed here, too, because the library accepts what isn't JSON as text, and any JSON as an object.
    content = json.loads(body) if body or not is_binary else None
    if is_binary:
        message = HTTPMessage({"content-type": BINARY, **headers}, body)
        return from_binary(message, _FORMAT, _complete)
    if not isinstance(content, dict):
        raise MalformedEvent("The body is not a JSON object.")
    if None in content.values():  # null is unset (JSON Event Format, section 2.1)
        body = json.dumps(
            {name: value for name, value in content.items() if value is not None}
        ).encode()
    return from_structured(HTTPMessage(dict(headers), body), _FORMAT, _complete)


def _complete(attributes: dict[str, Any], data: Any) -> CloudEvent:
    # The library would generate an id and a time.
    if missing := [name for name in _REQUIRED if name not in attributes]:
        raise MalformedEvent(f"{_listed(missing)} missing.")
    has_time = "time" in attributes
    event = CloudEvent(attributes, data)
    if not has_time:
        del attributes["time"]
    return event


def _event(decoded: BaseCloudEvent) -> Event:
    data = decoded.get_data()
    if isinstance(data, bytes):  # of `data_base64`
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            raise TypeError from None
    return Event(
        id=decoded.get_id(),
        source=decoded.get_source(),
        type=decoded.get_type(),
        data=data,
        subject=decoded.get_subject(),
        time=decoded.get_time(),
        traceparent=decoded.get_extension("traceparent"),
        request_id=decoded.get_extension("requestid"),
    )


def _sentence(wrong: Iterable[object]) -> str:
    # Without the library's own words: they repeat the names of extensions, which the client chose.
    known = {*_REQUIRED, "time", "subject", "datacontenttype", "dataschema"}
    names = sorted(known & set(wrong))
    if not names:
        return "The name of an extension is not lower-case letters and digits."
    return f"{_listed(names)} invalid in CloudEvents 1.0, or longer than {MAX_ATTRIBUTE_LENGTH}."


def _listed(names: Sequence[object]) -> str:
    return ", ".join(f"`{name}`" for name in names) + (" is" if len(names) == 1 else " are")
