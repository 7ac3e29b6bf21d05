"""Checks that recorded requests and responses are valid under the provider's OpenAPI description."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

import jsonschema_rs

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
    name = f"{request['method']} {request['path']}"
    operation = operation_of(interaction, description)
    if operation is None:
        yield f"{name} is not described"
        return
    if response["status"] not in _REFUSALS:
        yield from _query_violations(request, operation, description)
        yield from _request_violations(request, operation, description)
    described = operation["responses"].get(str(response["status"]))
    if described is None:
        yield f"{name} is not described with status {response['status']}"
    elif "body" in response:
        content = response["body"]
        schema = _schema(described, content["contentType"])
        if schema is None:
            yield f"{name} is not described with a response of type {content['contentType']}"
        else:
            # A consumer reads a part: no field is required, and no field may be unknown.
            yield from _errors(
                content["content"], _as_read(schema), _as_read(description), "response"
            )


def operation_of(interaction: Interaction, description: Description) -> Mapping[str, Any] | None:
    """The operation of the request, or None."""
    place = place_of(interaction, description)
    return description["paths"][place[1]][place[0]] if place else None


def place_of(interaction: Interaction, description: Description) -> tuple[str, str] | None:
    """Method and path of that operation; paths without parameters come first."""
    request = interaction.document["request"]
    for template in sorted(description["paths"], key=lambda path: path.count("{")):
        pattern = re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, request["path"]):
            method = str(request["method"]).lower()
            if method in description["paths"][template]:
                return method, template
    return None


def _query_violations(
    request: Mapping[str, Any], operation: Mapping[str, Any], description: Description
) -> Iterator[str]:
    given = request.get("query", {})
    described = {
        each["name"]: each for each in operation.get("parameters", []) if each["in"] == "query"
    }
    for name in sorted(given.keys() - described.keys()):
        yield f"the query parameter `{name}` is not described"
    for name, parameter in described.items():
        if name not in given:
            if parameter.get("required"):
                yield f"the query parameter `{name}` is required"
            continue
        for value in given[name]:
            typed = int(value) if re.fullmatch("-?[0-9]+", value) else value
            yield from _errors(typed, parameter["schema"], description, f"parameter `{name}`")


def _request_violations(
    request: Mapping[str, Any], operation: Mapping[str, Any], description: Description
) -> Iterator[str]:
    described = operation.get("requestBody")
    if "body" not in request:
        if described and described.get("required"):
            yield "a body is required"
        return
    body = request["body"]
    schema = _schema(described or {}, body["contentType"])
    if schema is None:
        yield f"a body of type {body['contentType']} is not described"
        return
    content = body["content"]
    if body["contentType"] == _FORM:
        content = {name: values[-1] for name, values in parse_qs(content).items()}
    yield from _errors(content, schema, description, "request")


def _schema(part: Mapping[str, Any], content_type: str) -> Any:
    return part.get("content", {}).get(content_type.partition(";")[0].strip(), {}).get("schema")


def _errors(content: Any, schema: Any, description: Description, what: str) -> Iterator[str]:
    whole = {**schema, "components": description.get("components", {})}
    for error in jsonschema_rs.Draft202012Validator(whole).iter_errors(content):
        place = ".".join(map(str, error.instance_path))
        yield f"{what}{f' at {place}' if place else ''}: {error.message}"


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
