"""Checks that recorded requests and responses are valid under the provider's OpenAPI description."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from contracts import schemas
from contracts.openapi.described import Operation
from contracts.openapi.places import media_type
from contracts.pacts import Interaction

Description = Mapping[str, Any]
"""An OpenAPI 3.1 document: its schemas are JSON Schema's, draft 2020-12."""

_REFUSALS = (400, 422)
"""Responses to a request that is invalid on purpose."""
_FORM = "application/x-www-form-urlencoded"


def violations(interaction: Interaction, description: Description) -> Iterator[str]:
    """A sentence for each difference from the description; none for a message."""
    if interaction.is_message:
        return
    request, response = interaction.document["request"], interaction.document["response"]
    name, place = f"{request['method']} {request['path']}", place_of(interaction, description)
    if place is None:
        yield f"{name} is not described"
        return
    operation = Operation(description, place[1], place[0])
    if response["status"] not in _REFUSALS:
        yield from _query_violations(request.get("query", {}), operation)
        yield from _request_violations(request.get("body"), operation)
    status = str(response["status"])
    if status not in operation.parts:
        yield f"{name} is not described with status {status}"
    elif body := response.get("body"):
        schema = operation.parts.get(f"{status} {media_type(body)}", {}).get("schema")
        if schema is None:
            yield f"{name} is not described with a response of type {body['contentType']}"
        else:
            # A consumer reads a part: no field is required, and no field may be unknown.
            read = _as_read(schema), _as_read(description)
            yield from _errors(body["content"], *read, "response")


def place_of(interaction: Interaction, description: Description) -> tuple[str, str] | None:
    """Method and path of the request's operation; of a message, and if there is none, None."""
    if interaction.is_message:
        return None
    # Paths without parameters come first.
    request = interaction.document["request"]
    for template in sorted(description["paths"], key=lambda path: path.count("{")):
        pattern = re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, request["path"]):
            method = str(request["method"]).lower()
            if method in description["paths"][template]:
                return method, template
    return None


def _query_violations(query: Mapping[str, list[str]], operation: Operation) -> Iterator[str]:
    for name in sorted(query):
        if f"query {name}" not in operation.parts:
            yield f"the query parameter `{name}` is not described"
    for place, part in operation.parts.items():
        kind, _, name = place.partition(" ")
        if kind == "query" and name not in query and part.get("required"):
            yield f"the query parameter `{name}` is required"
        for value in query.get(name, ()) if kind == "query" else ():
            typed = int(value) if re.fullmatch("-?[0-9]+", value) else value
            what = f"parameter `{name}`"
            yield from _errors(typed, part["schema"], operation.description, what)


def _request_violations(body: Mapping[str, Any] | None, operation: Operation) -> Iterator[str]:
    if body is None:
        if operation.parts["request"].get("required"):
            yield "a body is required"
        return
    kind, content = media_type(body), body["content"]
    schema = operation.parts.get(f"request {kind}", {}).get("schema")
    if schema is None:
        yield f"a body of type {body['contentType']} is not described"
        return
    if kind == _FORM:
        content = {name: values[-1] for name, values in parse_qs(content).items()}
    yield from _errors(content, schema, operation.description, "request")


def _errors(content: Any, schema: Any, description: Description, what: str) -> Iterator[str]:
    whole = {**schema, "components": description.get("components", {})}
    for path, reason in schemas.violations(whole, content):
        yield f"{what} at {path}: {reason}"


def _as_read(schema: Any) -> Any:
    """The schema for a partial object: no required fields, and no unknown ones."""
    if isinstance(schema, list):
        return [_as_read(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    read = {name: _as_read(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type", "object") == "object":
        read.pop("required", None)
        read.setdefault("additionalProperties", False)
    return read
