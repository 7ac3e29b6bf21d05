"""What a consumer expects in a response: exactly what its own model reads."""

import json
import re
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from contracts.consumer.bodies import Containing, Matching, Read, Typed, example_of
from contracts.consumer.models import UNSUPPORTED, lean, schema_of_model, unsupported
from contracts.errors import ContractError
from contracts.schemas import Schema, violations


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


def read_by(model: type[BaseModel], /, **fields: Any) -> Read:
    """The JSON object that the model reads; each field is pinned to its value, or `typed`.

    A nested object is a `read_by` too. A list has exactly the given elements; a `typed` one has
    any number of elements like the first.

    Raises:
        ContractError: a field that the model requires is missing, a field is not in the model,
            the model forbids extra fields (the provider could never add one), it rejects the
            example, or a `typed` field has a constraint that JSON Schema can't express.
    """
    schema = schema_of_model(model)
    if '"additionalProperties": false' in json.dumps(schema):  # its own, or those of a part
        raise ContractError(
            f"{model.__name__} forbids extra fields, so the provider could never add one. Remove "
            "`extra='forbid'` from models of what other services send."
        )
    properties: Schema = schema.get("properties", {})
    if unread := set(fields) - set(properties):
        raise ContractError(
            f"{model.__name__} doesn't read {_listed(unread)}: remove it from the expectation."
        )
    if missing := set(schema.get("required", ())) - set(fields):
        raise ContractError(
            f"{model.__name__} requires {_listed(missing)}: add it to the expectation."
        )
    body = Read((name, _resolved(value, name, schema)) for name, value in fields.items())
    body.schema = lean(schema)
    example = example_of(body)
    try:
        model.model_validate_json(json.dumps(example))
    except ValidationError as error:
        raise ContractError(f"{model.__name__} rejects the example: {error}") from None
    for path, reason in violations(body.schema, example):
        raise ContractError(
            f"{model.__name__} accepts the example, but its JSON Schema doesn't: {path}: {reason}. "
            "Give the example or the model the format that the provider sends."
        )
    return body


def _resolved(value: Any, name: str, model: Schema) -> Any:
    if not isinstance(value, Typed):
        return value
    field, definitions = model["properties"][name], {"$defs": model["$defs"]}
    own = {key: value for key, value in model.items() if key == UNSUPPORTED}
    if found := unsupported([own, field], definitions):
        raise ContractError(
            f"`{name}` can't be `typed`: no contract can express {found[0]}. Give the exact value, "
            "or `matching`."
        )
    return replace(value, schema={**field, **definitions})


def _listed(names: set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
