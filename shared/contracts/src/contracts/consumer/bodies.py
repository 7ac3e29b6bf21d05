"""A body as a consumer's test states it: exact values, and examples of others."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from contracts.consumer.rules import rule_of, text_rule
from contracts.errors import ContractError
from contracts.schemas import Schema

Rules = dict[str, Mapping[str, Any]]
"""Pact's matching rules of a body, by the path of the value."""
_UNNAMED = re.compile(r"\['(\d*|\*|.*['\\].*)'\]", re.DOTALL)


@dataclass(frozen=True)
class Typed:
    """An example: any other value that the model accepts matches too."""

    example: Any
    schema: Schema = field(default_factory=dict)
    """The schema of the model's field, with `$defs`; empty outside `read_by`."""


@dataclass(frozen=True)
class Matching:
    """An example of a text that matches the whole pattern, or of an integer whose digits do."""

    example: str | int
    pattern: str


@dataclass(frozen=True)
class Containing:
    """A list with at least these values, in any order."""

    values: tuple[Any, ...]


class Read(dict[str, Any]):
    """A JSON object, and the schema of the model that reads it."""

    schema: Schema


def example_of(body: Any) -> Any:
    """The body with an example in place of each matcher."""
    match body:
        case Matching() | Typed():
            return example_of(body.example)
        case Containing(values):
            return example_of(list(values))
        case dict():
            return {name: example_of(value) for name, value in body.items()}
        case list():
            return [example_of(value) for value in body]
    return body


def rules_of(body: Any, path: str = "$", *, is_typed: bool = False) -> Rules:
    """Pact's matching rules for the values that aren't exact. `is_typed` is below a `typed` list.

    Raises:
        ContractError: a value can't be `typed`, or Pact can't express its path.
    """
    match body:
        case Matching():
            return {path: text_rule(body.pattern)}
        case Typed():
            return {path: rule_of(body.example, body.schema)} | _element_rules(body, path)
        case Containing(values):
            variants = [{"index": i, "rules": rules_of(each)} for i, each in enumerate(values)]
            matcher = {"match": "arrayContains", "variants": variants}
            return {path: {"combine": "AND", "matchers": [matcher]}}
        case dict():
            parts = [(child(path, name), value) for name, value in body.items()]
        case list():
            parts = [(f"{path}[{i}]", value) for i, value in enumerate(body)]
        case _:
            # Below a `typed` list, `type` would apply to exact values too.
            equal = {"combine": "AND", "matchers": [{"match": "equality"}]}
            return {path: equal} if is_typed else {}
    found: Rules = {}
    for place, value in parts:
        below = rules_of(value, place, is_typed=is_typed)
        if below and _UNNAMED.fullmatch(place.removeprefix(path)):
            raise ContractError(
                f"Pact can't name {place}: give the exact value of a key that is empty, a number or "
                "`*`, or has a single quote or a backslash."
            )
        found |= below
    return found


def _element_rules(body: Typed, path: str) -> Rules:
    if not isinstance(body.example, list) or not body.example:
        return {}
    items = body.schema.get("items", {})
    schema = {**items, "$defs": body.schema.get("$defs", {})} if items else {}
    first = body.example[0]
    element = first if isinstance(first, Read) else Typed(first, schema)
    return rules_of(element, f"{path}[*]", is_typed=True)


def schema_of(body: Any, path: str = "$") -> Schema | None:
    """What the models read of the body; None if none reads a part of it."""
    match body:
        case Read():
            return body.schema
        case dict():
            parts = {name: schema_of(value, child(path, name)) for name, value in body.items()}
            found = {
                name: _embedded(each, child(path, name)) for name, each in parts.items() if each
            }
            return {"properties": found} if found else None
        case list():
            each_schema = [schema_of(value, f"{path}[{i}]") for i, value in enumerate(body)]
            items = [_embedded(each or {}, f"{path}[{i}]") for i, each in enumerate(each_schema)]
            return {"prefixItems": items} if any(each_schema) else None
    return None


def child(path: str, name: str) -> str:
    """The path of a field, as Pact writes it."""
    return (
        f"{path}.{name}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else f"{path}['{name}']"
    )


def _embedded(schema: Schema, path: str) -> Schema:
    """With an id, so that `#/$defs` are its own."""
    return {**schema, "$id": f"urn:part:{quote(path)}"} if "$defs" in schema else schema
