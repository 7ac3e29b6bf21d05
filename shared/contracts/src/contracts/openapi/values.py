"""The values in a body by their paths, in an OpenAPI description and in an example."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.openapi.conformance import Description

_FACETS = ("format", "enum", "const", "pattern")
"""What a reader of a value may rely on. (Not limits such as `maxLength`.)"""


@dataclass(frozen=True)
class Value:
    """A value as a description defines it."""

    facets: Mapping[str, Any]
    is_required: bool

    @property
    def text(self) -> str:
        return json.dumps(self.facets, sort_keys=True)

    def allows_more_than(self, other: "Value") -> bool:
        """Whether it allows values that the other doesn't: breaking in a response, not in a request."""
        return any(
            _is_wider(self.facets.get(name), facet, name) for name, facet in other.facets.items()
        )


def _is_wider(facet: Any, other: Any, name: str) -> bool:
    if name not in ("type", "enum") or facet is None:
        return bool(facet != other)
    allowed = set(map(str, other))
    if "number" in allowed:
        allowed.add("integer")
    return not set(map(str, facet)) <= allowed


def values_of(part: Mapping[str, Any], description: Description) -> dict[str, Value]:
    """The values of a request body or a response: `$`, `$.name`, `$.sizes[]`."""
    found: dict[str, Value] = {}
    for _, content in sorted(part.get("content", {}).items()):
        if "schema" in content:
            _collect(content["schema"], description, "$", True, found, ())
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
    schema: Mapping[str, Any],
    description: Description,
    path: str,
    is_required: bool,
    found: dict[str, Value],
    within: tuple[str, ...],
) -> None:
    if reference := schema.get("$ref"):
        if reference in within:  # a recursive schema
            return
        name = reference.rpartition("/")[2]
        schema, within = description["components"]["schemas"][name], (*within, reference)
    variants = [*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("allOf", [])]
    for variant in variants:
        _collect(variant, description, path, is_required, found, within)
    facets = {name: schema[name] for name in _FACETS if name in schema}
    if types := set().union(*(_types(each, description) for each in variants or [schema])):
        facets["type"] = sorted(types)
    found[path] = Value(facets, is_required)
    for name, value in schema.get("properties", {}).items():
        needed = is_required and name in schema.get("required", ())
        _collect(value, description, f"{path}.{name}", needed, found, within)
    if items := schema.get("items"):
        _collect(items, description, f"{path}[]", is_required, found, within)


def _types(schema: Mapping[str, Any], description: Description) -> set[str]:
    """Independent of the names of schemas."""
    if reference := schema.get("$ref"):
        schema = description["components"]["schemas"][reference.rpartition("/")[2]]
    return {str(schema["type"])} if "type" in schema else set()
