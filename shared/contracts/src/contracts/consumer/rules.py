"""Pact's matching rules for a value that a JSON Schema constrains."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.errors import ContractError
from contracts.schemas import JSON_TYPES, Schema, alternatives

Matcher = Mapping[str, Any]

_FORMATS = {
    # Pact's own matchers for these reject `Z`, offsets, fractions or upper case.
    "date-time": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
    "date": r"^\d{4}-\d\d-\d\d$",
    "uuid": r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
}
_MATCHERS: Mapping[str, Matcher] = {
    **{kind: {"match": kind} for kind in ("boolean", "integer", "number", "null")},
    "string": {"match": "regex", "regex": r"^[\s\S]*$"},
    "array": {"match": "type"},
}
# `type` is stricter: "true" matches `boolean`, and the text of a number matches a regex. Not for
# numbers: 1.5 has the type of 1.
_TYPES = {"boolean": bool, "string": str}
_TYPE = {"match": "type"}


def rule_of(example: Any, schema: Schema) -> Mapping[str, Any]:
    """The matchers of each alternative of the schema; without a schema those of the example's type.

    Raises:
        ContractError: it allows an object, or anything, for which a matcher has to know the parts.
    """
    found: list[Sequence[Matcher]] = []
    for each in alternatives(schema or {"type": JSON_TYPES.get(type(example), "object")}, schema):
        matchers = _matchers(example, each)
        if matchers not in found:
            found.append(matchers)
    if len(found) == 1:
        return {"combine": "AND", "matchers": list(found[0])}
    # A rule is one list: each alternative is represented by its strictest matcher.
    return {"combine": "OR", "matchers": [each[-1] for each in found]}


def text_rule(pattern: str) -> Mapping[str, Any]:
    """Pact matches a pattern with the text of any value: null, for example, is "null"."""
    return {"combine": "AND", "matchers": [_TYPE, {"match": "regex", "regex": pattern}]}


def _matchers(example: Any, schema: Schema) -> list[Matcher]:
    kind = schema["type"]
    if kind not in _MATCHERS:
        raise ContractError(
            f"{example!r} can't be `typed`: give the exact value, or use `read_by` for its parts."
        )
    # `type` compares with the type of the example, which may be that of another alternative.
    is_like_example = kind in _TYPES and isinstance(example, _TYPES[kind])
    found: list[Matcher] = [_TYPE if is_like_example else _MATCHERS[kind]]
    sizes = {
        name: schema[key]
        for name, key in (("min", "minItems"), ("max", "maxItems"))
        if key in schema
    }
    if sizes:
        found = [{"match": "type", **sizes}]
    if kind == "string" and schema.keys() & {"minLength", "maxLength"}:
        least, most = schema.get("minLength", 0), schema.get("maxLength", "")
        found.append({"match": "regex", "regex": rf"^[\s\S]{{{least},{most}}}$"})
    pattern = schema.get("pattern") or _FORMATS.get(schema.get("format", ""))
    if "enum" in schema:
        pattern = f"^({'|'.join(re.escape(_text(each)) for each in schema['enum'])})$"
    return [*found, {"match": "regex", "regex": pattern}] if pattern else found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
