"""The description of a publisher's events: AsyncAPI 3.0.

FastStream describes one transport, and all events of a subject as one message.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from chassis.events.cloudevents import MAX_ATTRIBUTE_LENGTH, STRUCTURED

_TEXT = {"type": "string", "minLength": 1, "maxLength": MAX_ATTRIBUTE_LENGTH}
_OPTIONAL = {"traceparent": _TEXT, "requestid": _TEXT}
_TRANSPORTS = (
    "CloudEvents 1.0 in structured mode, at least once. Over NATS JetStream they are in the stream `{name}`, with a "
    "subject for each aggregate. Over HTTP the relay posts the same events to `/events/` of each subscriber."
)


def describe_events(name: str, data: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """The document of the publisher `name`. `data` has the model of `data` for each type of event."""
    found, schemas = models_json_schema(
        [(model, "serialization") for model in dict.fromkeys(data.values())],
        ref_template="#/components/schemas/{model}",
    )
    messages = {
        each: {
            "name": each,
            "contentType": STRUCTURED,
            "payload": _event(name, each, found[model, "serialization"]),
        }
        for each, model in data.items()
    }
    channel: dict[str, Any] = {
        "address": f"{name}.{{subject}}",
        "parameters": {"subject": {"description": "The CloudEvent's `subject`."}},
        "messages": {each: {"$ref": f"#/components/messages/{each}"} for each in data},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"Events of {name}",
            "version": "1",
            "description": _TRANSPORTS.format(name=name),
        },
        "defaultContentType": STRUCTURED,
        "channels": {"events": channel},
        "operations": {"publish": {"action": "send", "channel": {"$ref": "#/channels/events"}}},
        "components": {"messages": messages, "schemas": schemas.get("$defs", {})},
    }


def _event(name: str, event_type: str, data: dict[str, Any]) -> dict[str, Any]:
    """The schema of what `chassis.events.cloudevents.to_http` sends."""
    required = {
        "specversion": _constant("1.0"),
        "id": _TEXT,
        "source": _constant(f"/{name}"),
        "type": _constant(event_type),
        "subject": _TEXT,
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": _constant("application/json"),
        "data": data,
    }
    return {"type": "object", "required": [*required], "properties": required | _OPTIONAL}


def _constant(value: str) -> dict[str, Any]:
    return {"type": "string", "const": value}
