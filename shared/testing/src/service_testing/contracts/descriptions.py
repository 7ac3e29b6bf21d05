"""Whether each recorded request and response is one that the provider's OpenAPI description allows."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

import jsonschema_rs

from service_testing.contracts.pact_files import Interaction

Description = Mapping[str, Any]
"""An OpenAPI 3.1 document: its schemas are JSON Schema's, draft 2020-12."""

_REFUSALS = (400, 422)
"""Answers to a request that isn't as described: there it is meant not to be."""
_FORM = "application/x-www-form-urlencoded"


def violations(interaction: Interaction, description: Description) -> Iterator[str]:
    """A sentence for each way in which the interaction isn't as described; none for a message."""
    if interaction.is_message:
        return
    request, response = interaction.document["request"], interaction.document["response"]
    name = f"{request['method']} {request['path']}"
    operation = operation_of(interaction, description)
    if operation is None:
        yield f"{name} isn't described"
        return
    if response["status"] not in _REFUSALS:
        yield from _query_violations(request, operation, description)
        yield from _request_violations(request, operation, description)
    answer = operation["responses"].get(str(response["status"]))
    if answer is None:
        yield f"{name} isn't described to answer {response['status']}"
    elif "body" in response:
        content = response["body"]
        schema = _schema(answer, content["contentType"])
        if schema is None:
            yield f"{name} isn't described to answer with {content['contentType']}"
        else:
            # A consumer reads a part: nothing is required, and nothing may be unknown.
            yield from _errors(
                content["content"], _as_read(schema), _as_read(description), "answer"
            )


def operation_of(interaction: Interaction, description: Description) -> Mapping[str, Any] | None:
    """The operation that the request is for, or None."""
    place = place_of(interaction, description)
    return description["paths"][place[1]][place[0]] if place else None


def place_of(interaction: Interaction, description: Description) -> tuple[str, str] | None:
    """Method and path of that operation; a path without parameters comes before one with them."""
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
        yield f"the query parameter `{name}` isn't described"
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
        yield f"a body of {body['contentType']} isn't described"
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
    """The schema of any part of what it describes: fewer fields, and none that it doesn't know."""
    if isinstance(schema, list):
        return [_as_read(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    read = {name: _as_read(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type", "object") == "object":
        read.pop("required", None)
        read.setdefault("additionalProperties", False)
    return read
