"""The JSON Schema of what a consumer's model reads. It travels in `comments` of the interaction.

Pact's matchers can't express every constraint, so the provider's response is validated with it too.
"""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from contracts.schemas import ANNOTATIONS, Schema, resolved

UNSUPPORTED = "x-unsupported"
"""Marks a part of a schema with the name of a constraint that JSON Schema can't express."""
_BOUNDS = ("decimal_places", "ge", "gt", "le", "lt", "max_digits", "multiple_of", "now_op")
_TIME = r"\d\d:\d\d(:\d\d(\.\d+)?)?"


class _Generator(GenerateJsonSchema):
    """Like pydantic's own, which omits what JSON Schema can't express."""

    def function_plain_schema(self, schema: Any) -> Schema:
        return {}

    def datetime_schema(self, schema: Any) -> Schema:
        if schema.get("tz_constraint") == "naive":  # RFC 3339 requires an offset
            return {"type": "string", "pattern": rf"^\d{{4}}-\d\d-\d\dT{_TIME}$"}
        return super().datetime_schema(schema)

    def time_schema(self, schema: Any) -> Schema:
        return {"type": "string", "pattern": rf"^{_TIME}(Z|[+-]\d\d:\d\d)?$"}

    def decimal_schema(self, schema: Any) -> Schema:
        number, text = super().decimal_schema(schema)["anyOf"]
        return {"anyOf": [number, {"pattern": r"^[+-]?(\d+(\.\d*)?|\.\d+)$", **text}]}


def _marking(name: str) -> Any:
    generate = getattr(_Generator, name)

    def marking(self: _Generator, schema: Any) -> Schema:
        found = generate(self, schema)
        function = schema.get("function", {}).get("function")
        if function and not str(getattr(function, "__module__", "")).startswith("pydantic"):
            name = getattr(function, "__qualname__", str(function))
            return {**found, UNSUPPORTED: f"the validator {name}"}
        bounds = [bound for bound in _BOUNDS if schema.get(bound) is not None]
        return {**found, UNSUPPORTED: f"the constraint {bounds[0]}"} if bounds else found

    return marking


for _kind in (
    *("date", "datetime", "time", "decimal"),
    *("function_after", "function_before", "function_plain", "function_wrap"),
):
    setattr(_Generator, f"{_kind}_schema", _marking(f"{_kind}_schema"))


def schema_of_model(model: type[BaseModel]) -> Schema:
    """With its parts in `$defs`, and `UNSUPPORTED` marks."""
    schema = model.model_json_schema(schema_generator=_Generator)
    return {"$defs": {}, **resolved(schema, schema)}


def unsupported(schema: Any, definitions: Schema, seen: frozenset[str] = frozenset()) -> list[str]:
    """The marks in the schema and in what it refers to."""
    if isinstance(schema, list):
        return [each for part in schema for each in unsupported(part, definitions, seen)]
    if not isinstance(schema, dict):
        return []
    name = schema.get("$ref", "")
    target = [] if not name or name in seen else [resolved(schema, definitions)]
    found = unsupported([*target, *schema.values()], definitions, seen | {name})
    return [schema[UNSUPPORTED], *found] if UNSUPPORTED in schema else found


def lean(schema: Any) -> Any:
    """The part that validates, so that a pact doesn't change with a description."""
    if isinstance(schema, list):
        return [lean(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    named = ("properties", "$defs")
    return {
        key: {name: lean(each) for name, each in value.items()} if key in named else lean(value)
        for key, value in schema.items()
        if key not in ANNOTATIONS | {UNSUPPORTED} and value != {}
    }
