"""The JSON Schema of the bodies that recorded interactions cover: as Pact matches them, except for values of a state.

Where an interaction repeats a value of its own provider state (an id, a name), another state would
give another value, so any value of the same type matches. True, false, null and the empty list are
separate cases, and so is every other exact value.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from contracts.consumer.bodies import child
from contracts.errors import ContractError
from contracts.pacts import Interaction
from contracts.schemas import JSON_TYPES, Schema

_KINDS: Mapping[str, Schema] = {
    **{kind: {"type": kind} for kind in ("integer", "number", "null")},
    "boolean": {"enum": [True, False, "true", "false"]},
}
_CASES = {(bool, True), (bool, False), (type(None), None)}


@dataclass(frozen=True)
class Example:
    """A recorded value with its matching rules."""

    value: Any
    rules: Mapping[str, Any]
    """Pact's, by path."""
    path: str
    from_state: frozenset[tuple[type, Any]]


class Covered:
    """The bodies of these interactions, which are responses to one kind of request."""

    def __init__(self, interactions: Sequence[Interaction]) -> None:
        self._elements: dict[str, list[Example]] = {}
        for each in interactions:
            self._collect(_example_of(each))

    def schema(self, interaction: Interaction) -> Schema:
        return self._schema(_example_of(interaction))

    def _schema(self, example: Example) -> Schema:
        if rule := example.rules.get(example.path):
            found = [self._of_matcher(example, each) for each in rule["matchers"]]
            return {"anyOf" if rule.get("combine") == "OR" else "allOf": found}
        match example.value:
            case dict() as fields:
                parts = {name: self._schema(part) for name, part in _fields(example).items()}
                return {"type": "object", "required": list(fields), "properties": parts}
            case list():
                # An element like any that an interaction has at this place.
                known = [self._schema(e) for e in self._elements.get(_kind(example.path), ())]
                inner = (
                    {"minItems": 1, "items": {"anyOf": known}} if example.value else {"maxItems": 0}
                )
                return {"type": "array", **inner}
            case value if (type(value), value) in example.from_state - _CASES:
                return {"type": JSON_TYPES[type(value)]}
        return {"const": example.value}

    def _of_matcher(self, example: Example, matcher: Mapping[str, Any]) -> Schema:
        value = example.value
        match matcher["match"]:
            case "equality":
                return {"const": value}
            case "regex":  # of an integer, the digits
                is_text = isinstance(value, str | None)
                return {"type": "string", "pattern": matcher["regex"]} if is_text else {}
            case "arrayContains":
                inner = [
                    replace(example, value=value[each["index"]], rules=each["rules"], path="$")
                    for each in matcher["variants"]
                ]
                return {"type": "array", "allOf": [{"contains": self._schema(e)} for e in inner]}
            case "type" if isinstance(value, list):
                first = [replace(example, value=each, path=f"{example.path}[*]") for each in value]
                sizes = {f"{key}Items": matcher[key] for key in ("min", "max") if key in matcher}
                return {"type": "array", "items": self._schema(first[0]) if first else {}, **sizes}
            case "type":
                return {"type": JSON_TYPES[type(value)]}
            case kind if kind in _KINDS:
                return _KINDS[kind]
            case kind:
                raise ContractError(
                    f"Fakes can't be checked with Pact's matcher `{kind}`: add it to {__name__}."
                )

    def _collect(self, example: Example) -> None:
        for part in _fields(example).values():
            self._collect(part)
        for index, value in enumerate(example.value if isinstance(example.value, list) else ()):
            part = replace(example, value=value, path=f"{example.path}[{index}]")
            self._elements.setdefault(_kind(example.path), []).append(part)
            self._collect(part)


def _fields(example: Example) -> dict[str, Example]:
    fields = example.value if isinstance(example.value, dict) else {}
    return {
        name: replace(example, value=value, path=child(example.path, name))
        for name, value in fields.items()
    }


def _example_of(interaction: Interaction) -> Example:
    response = interaction.document["response"]
    values = [value for state in interaction.states for value in state.parameters.values()]
    return Example(
        response.get("body", {}).get("content"),
        response.get("matchingRules", {}).get("body", {}),
        "$",
        frozenset((type(value), value) for value in values),
    )


def _kind(path: str) -> str:
    """The same for all elements of a list."""
    return re.sub(r"\[\d+\]", "[]", path)
