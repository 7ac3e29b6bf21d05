"""The values in a body by their paths, in an OpenAPI description and in an example."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.openapi.conformance import Description
from contracts.openapi.described import alternatives


@dataclass(frozen=True)
class Value:
    """A value as a description defines it."""

    types: frozenset[str]
    """Empty if it may have any type."""
    is_required: bool
    sunset: str | None = None
    """Of a deprecated value: the date, or empty."""


def values_of(part: Mapping[str, Any], description: Description) -> dict[str, Value]:
    """The values of a request body or a response: `$`, `$.name`, `$.sizes[]`."""
    found: dict[str, Value] = {}
    for _, content in sorted(part.get("content", {}).items()):
        _collect(content.get("schema", True), description, "$", True, found, ())
    return found


def values_in(content: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    """The values of an example."""
    yield path, content
    if isinstance(content, dict):
        for name, value in content.items():
            yield from values_in(value, f"{path}.{name}")
    elif isinstance(content, list):
        for value in content:
            yield from values_in(value, f"{path}[]")


def _collect(
    schema: Any,
    description: Description,
    path: str,
    is_required: bool,
    found: dict[str, Value],
    within: tuple[int, ...],
) -> None:
    if id(schema) in within:  # a recursive schema
        return
    within = (*within, id(schema))
    variants = list(alternatives(schema, description))
    marked = [str(each.get("x-sunset", "")) for each in variants if each.get("deprecated")]
    types = frozenset(each["type"] for each in variants) - {"any"}
    found[path] = Value(types, is_required, marked[0] if marked else None)
    for each in variants:
        for name, value in each.get("properties", {}).items():
            needed = is_required and name in each.get("required", ())
            _collect(value, description, f"{path}.{name}", needed, found, within)
        if "items" in each:
            _collect(each["items"], description, f"{path}[]", is_required, found, within)
