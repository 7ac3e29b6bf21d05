"""JSON Schema, draft 2020-12: what a schema allows, and what a value violates."""

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jsonschema_rs

Schema = dict[str, Any]

JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
JSON_TYPES |= {dict: "object", type(None): "null"}
SCHEMA = "schema"
"""The key of the schema in `comments` of an interaction."""
ANNOTATIONS = {"title", "description", "default", "example", "examples", "deprecated"}
"""Keywords that don't restrict a value."""
_ALL_OF: Mapping[str, Callable[[Any, Any], Any]] = {
    "type": lambda one, other: one if other == "any" else other,
    "enum": lambda one, other: [each for each in one if each in other],
    "properties": operator.or_,
    "required": operator.add,
}
"""A keyword that both of two schemas have, in one that requires both; of others the second one counts."""
_SIGNS = {"properties": "object", "required": "object", "additionalProperties": "object"}
_SIGNS |= {"items": "array"}
"""The type of a schema that doesn't name it, by a keyword."""


def resolved(part: Any, document: Mapping[str, Any]) -> Any:
    """A part of the document without its `$ref`: a schema or, in OpenAPI, also a parameter for example."""
    while "$ref" in part:
        target: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name.replace("~1", "/").replace("~0", "~")]
        part = {**target, **{key: part[key] for key in part if key != "$ref"}}
    return part


def alternatives(schema: Any, document: Mapping[str, Any]) -> Iterator[Schema]:
    """A schema for each type, without `$ref`, `allOf`, `anyOf`, `oneOf`, `const`; of False none."""
    whole = resolved({} if isinstance(schema, bool) else schema, document)
    bases = [{key: whole[key] for key in whole if key not in ("allOf", "anyOf", "oneOf")}]
    groups = [[each] for each in whole.get("allOf", ())]
    groups += [whole[name] for name in ("anyOf", "oneOf") if name in whole]
    for group in groups:
        variants = [each for part in group for each in alternatives(part, document)]
        bases = [_both(base, each) for base in bases for each in variants]
    for base in bases if schema is not False else ():
        if "const" in base:
            base["enum"] = [base.pop("const")]
        yield from (_of_type(base, each) for each in _types_of(base))


def _both(one: Schema, other: Schema) -> Schema:
    shared = _ALL_OF.keys() & one.keys() & other.keys()
    return {**one, **other, **{key: _ALL_OF[key](one[key], other[key]) for key in shared}}


def _types_of(schema: Schema) -> list[str]:
    if (named := schema.get("type", "any")) != "any":
        return [named] if isinstance(named, str) else named
    values = dict.fromkeys(JSON_TYPES[type(each)] for each in schema.get("enum", ()))
    return [*values] or [next((_SIGNS[key] for key in _SIGNS if key in schema), "any")]


def _of_type(schema: Schema, name: str) -> Schema:
    own: Schema = {**schema, "type": name} if name != "null" else {"type": name}
    if "enum" in own:
        kinds = {"number", "integer"} if name in ("number", "integer") else {name}
        own["enum"] = [each for each in own["enum"] if JSON_TYPES[type(each)] in kinds]
    for limit, step in {"Maximum": -1, "Minimum": 1}.items() if name == "integer" else ():
        if (bound := own.pop(f"exclusive{limit}", None)) is not None:
            own[limit.lower()] = bound + step
    return own


def violations(schema: Schema | bool, value: Any) -> Iterator[tuple[str, str]]:
    """The path and the reason of each."""
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    for error in validator.iter_errors(value):
        steps = (
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path
        )
        branches = getattr(error.kind, "context", [])  # of `anyOf`
        reasons = [each.message for errors in branches for each in errors]
        yield f"${''.join(steps)}", ", and ".join(reasons) or error.message
