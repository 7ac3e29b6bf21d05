"""The JSON Schema of what a consumer's model reads. It travels in `comments` of the interaction.

Pact's matchers can't express every constraint, so the provider's response is validated with it too.
"""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

Schema = dict[str, Any]

SCHEMA = "schema"
"""Its key in `comments`."""
UNSAYABLE = "x-unsayable"
"""Marks a part of a schema with the name of a constraint that JSON Schema can't express."""
_ANNOTATIONS = {
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "discriminator",
    UNSAYABLE,
}
_TIME = r"\d\d:\d\d(:\d\d(\.\d+)?)?"
_DECIMAL = r"^[+-]?(\d+(\.\d*)?|\.\d+)$"


class _Generator(GenerateJsonSchema):
    """Pydantic's own, which leaves out without a word what JSON Schema can't express."""

    def function_after_schema(self, schema: Any) -> dict[str, Any]:
        return _marked(super().function_after_schema(schema), schema)

    def function_before_schema(self, schema: Any) -> dict[str, Any]:
        return _marked(super().function_before_schema(schema), schema)

    def function_wrap_schema(self, schema: Any) -> dict[str, Any]:
        return _marked(super().function_wrap_schema(schema), schema)

    def function_plain_schema(self, schema: Any) -> dict[str, Any]:
        return _marked({}, schema)

    def date_schema(self, schema: Any) -> dict[str, Any]:
        return _bounded(super().date_schema(schema), schema)

    def datetime_schema(self, schema: Any) -> dict[str, Any]:
        found = super().datetime_schema(schema)
        if schema.get("tz_constraint") == "naive":  # RFC 3339 requires an offset
            found = {"type": "string", "pattern": rf"^\d{{4}}-\d\d-\d\dT{_TIME}$"}
        return _bounded(found, schema)

    def time_schema(self, schema: Any) -> dict[str, Any]:
        found = {"type": "string", "pattern": rf"^{_TIME}(Z|[+-]\d\d:\d\d)?$"}
        return _bounded(found, schema)

    def decimal_schema(self, schema: Any) -> dict[str, Any]:
        number, text = super().decimal_schema(schema)["anyOf"]
        found = {"anyOf": [number, {"pattern": _DECIMAL, **text}]}
        return _bounded(found, schema)


def schema_of_model(model: type[BaseModel]) -> Schema:
    """With its parts in `$defs`, and `UNSAYABLE` marks."""
    schema = model.model_json_schema(schema_generator=_Generator)
    definitions = schema.get("$defs", {})
    return {**resolved(schema, definitions), "$defs": definitions}


def resolved(schema: Schema, definitions: Schema) -> Schema:
    """The schema with what its `$ref` refers to, if it has one."""
    while "$ref" in schema:
        others = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], **others}
    return schema


def parts_of(
    schema: Any, definitions: Schema, seen: frozenset[str] = frozenset()
) -> Iterator[Schema]:
    """The schema and each schema in it, also those that it refers to."""
    if isinstance(schema, dict):
        yield schema
        if (name := schema.get("$ref", "")) and name not in seen:
            yield from parts_of(resolved(schema, definitions), definitions, seen | {name})
    for part in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(part, dict | list):
            yield from parts_of(part, definitions, seen)


def lean(schema: Any) -> Any:
    """Only what validates, so that a pact doesn't change with a description."""
    match schema:
        case dict():
            return {
                key: {name: lean(each) for name, each in value.items()}
                if key in ("properties", "$defs")
                else lean(value)
                for key, value in schema.items()
                if key not in _ANNOTATIONS and value != {}
            }
        case list():
            return [lean(each) for each in schema]
    return schema


def violations(schema: Schema | bool, value: Any) -> Iterator[tuple[str, str]]:
    """The path and the reason of each."""
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    for error in validator.iter_errors(value):
        steps = (
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path
        )
        alternatives = getattr(error.kind, "context", [])  # of `anyOf`
        reasons = [each.message for errors in alternatives for each in errors]
        yield f"${''.join(steps)}", ", and ".join(reasons) or error.message


def _marked(found: dict[str, Any], schema: Any) -> dict[str, Any]:
    function = schema["function"]["function"]
    if str(getattr(function, "__module__", "")).startswith("pydantic"):  # of its own types
        return found
    return {**found, UNSAYABLE: f"the validator {getattr(function, '__qualname__', function)}"}


def _bounded(found: dict[str, Any], schema: Any) -> dict[str, Any]:
    bounds = {"gt", "ge", "lt", "le", "multiple_of", "now_op", "max_digits", "decimal_places"}
    used = sorted(bounds & {name for name, value in schema.items() if value is not None})
    return {**found, UNSAYABLE: f"the constraint {used[0]}"} if used else found
