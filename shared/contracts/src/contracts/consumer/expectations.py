"""What a consumer expects in a response: exactly what its own model reads."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from contracts.errors import ContractError

MATCHER = "pact:matcher:type"
# Pact's own default for times rejects `Z`, offsets and fractions.
_RFC_3339_UTC = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$"


@dataclass(frozen=True)
class Typed:
    """An example: any other value that the model accepts matches too."""

    example: Any


@dataclass(frozen=True)
class Matching:
    """An example of a text that matches the whole pattern, or of an integer whose digits do."""

    example: str | int
    pattern: str


@dataclass(frozen=True)
class Containing:
    """A list with at least these values, in any order."""

    values: tuple[Any, ...]


def containing(*values: Any) -> Containing:
    return Containing(values)


def typed(example: Any) -> Typed:
    return Typed(example)


def matching(example: str | int, pattern: str) -> Matching:
    """Raises:
    ContractError: the example doesn't match. Pact would record it anyway.
    """
    if not re.fullmatch(pattern, str(example)):
        raise ContractError(f"The example {example!r} doesn't match {pattern}.")
    return Matching(example, pattern)


def read_by(model: type[BaseModel], /, **fields: Any) -> dict[str, Any]:
    """The JSON object that the model reads; each field is pinned to its value, or `typed`.

    A nested object is a `read_by` too, and a list has exactly the given elements.

    Raises:
        ContractError: a field that the model requires is missing, a field is not in the model,
            the model forbids extra fields (the provider could never add one), or it rejects
            the example.
    """
    schema = model.model_json_schema()
    if '"additionalProperties": false' in json.dumps(schema):  # its own, or those of a part
        raise ContractError(
            f"{model.__name__} forbids extra fields, so the provider could never add one. Remove "
            "`extra='forbid'` from models of what other services send."
        )
    properties: Mapping[str, Any] = schema.get("properties", {})
    if unread := set(fields) - set(properties):
        raise ContractError(
            f"{model.__name__} doesn't read {_listed(unread)}: remove it from the expectation."
        )
    if missing := set(schema.get("required", ())) - set(fields):
        raise ContractError(
            f"{model.__name__} requires {_listed(missing)}: add it to the expectation."
        )
    body = {name: _resolved(value, properties[name], name) for name, value in fields.items()}
    try:
        model.model_validate(example_of(body))
    except ValidationError as error:
        raise ContractError(f"{model.__name__} rejects the example: {error}") from None
    return body


def integration_json(body: Any) -> Any:
    """The body in Pact's integration format: with matchers for the values that aren't exact."""
    match body:
        case Matching(example, pattern):
            return _text(pattern, example)
        case Typed(example):
            return _matcher(example, {})
        case Containing(values):
            return {MATCHER: "arrayContains", "variants": integration_json(list(values))}
        case dict():
            return {name: integration_json(value) for name, value in body.items()}
        case list():
            return [integration_json(value) for value in body]
    return body


def example_of(body: Any) -> Any:
    """The body with an example in place of each matcher."""
    match body:
        case Matching() | Typed():
            return body.example
        case Containing(values):
            return example_of(list(values))
        case {"pact:matcher:type": _, "value": value}:
            return value
        case dict():
            return {name: example_of(value) for name, value in body.items()}
        case list():
            return [example_of(value) for value in body]
    return body


def _resolved(value: Any, schema: Mapping[str, Any], name: str) -> Any:
    if not isinstance(value, Typed):
        return value
    if isinstance(value.example, str) and not re.fullmatch(_pattern(schema), value.example):
        raise ContractError(f"The example of `{name}` doesn't match {_pattern(schema)}.")
    return _matcher(value.example, schema)


def _matcher(example: Any, schema: Mapping[str, Any]) -> dict[str, Any]:
    match example:
        case bool():  # `boolean` would also match the text "true"
            return {MATCHER: "type", "value": example}
        case int():  # `type` would also match 1.5
            return {MATCHER: "integer", "value": example}
        case str():
            return _text(_pattern(schema), example)
    raise ContractError(
        f"{example!r} can't be `typed`: give the exact value, or use `read_by` for its parts."
    )


def _text(pattern: str, example: str | int) -> dict[str, Any]:
    # Pact matches a pattern with the text of any value: null, for example, is "null".
    matchers = [{MATCHER: "type"}, {MATCHER: "regex", "regex": pattern}]
    return {MATCHER: matchers, "value": example}


def _pattern(schema: Mapping[str, Any]) -> str:
    if schema.get("format") == "date-time":
        return _RFC_3339_UTC
    if pattern := schema.get("pattern"):
        return str(pattern)
    least, most = schema.get("minLength", 0), schema.get("maxLength", "")
    return rf"^[\s\S]{{{least},{most}}}$"


def _listed(names: set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
