"""Matches a body with recorded interactions as Pact does, except for values that a state decides.

Where an interaction repeats a value of its own provider state (an id, a name), another state would
give another value, so any value of the same type matches. True, false, null and the empty list are
separate cases, and so is every other exact value.
"""

import json
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from contracts.consumer.bodies import child
from contracts.errors import ContractError
from contracts.pacts import Interaction

Rules = Mapping[str, Any]
"""Pact's matching rules of a body, by the path of the value."""
_IS_LIKE: Mapping[str, Callable[[Any, Any, str], bool]] = {
    "type": lambda actual, value, _: type(actual) is type(value),
    "equality": lambda actual, value, _: type(actual) is type(value) and actual == value,
    "integer": lambda actual, *_: type(actual) is int,
    "number": lambda actual, *_: type(actual) in (int, float),
    "boolean": lambda actual, *_: isinstance(actual, bool) or actual in ("true", "false"),
    "null": lambda actual, *_: actual is None,
    "regex": lambda actual, _, pattern: bool(re.search(pattern, _text(actual))),
}


@dataclass(frozen=True)
class Example:
    """A recorded value with its matching rules."""

    value: Any
    rules: Rules
    path: str
    """Where in `rules` it is."""
    from_state: frozenset[tuple[type, Any]]


class BodyMatching:
    """Matches bodies with these interactions, which are responses to one kind of request."""

    def __init__(self, interactions: Sequence[Interaction]) -> None:
        self._elements: dict[str, list[Example]] = {}
        for each in interactions:
            example = example_of_response(each)
            self._collect(example, "$")

    def differences(self, actual: Any, example: Example, place: str = "$") -> Iterator[str]:
        """A sentence for each place where the value doesn't match the example."""
        rule = example.rules.get(example.path)
        if rule:
            found = [
                list(self._by_matcher(actual, example, matcher, place))
                for matcher in rule["matchers"]
            ]
            is_any = rule.get("combine") == "OR"
            yield from min(found, key=len) if is_any else chain.from_iterable(found)
            return
        match example.value:
            case dict() as fields:
                yield from self._by_fields(actual, fields, example, place)
            case list():
                yield from self._by_elements(actual, example, place)
            case value if (type(value), value) in example.from_state and not _is_a_case(value):
                if type(actual) is not type(value):
                    yield f"{place} is {reprlib.repr(actual)}, not a value like {reprlib.repr(value)}"
            case value if type(actual) is not type(value) or actual != value:
                yield f"{place} is {reprlib.repr(actual)}, not {reprlib.repr(value)}"

    def _by_fields(
        self, actual: Any, fields: Mapping[str, Any], example: Example, place: str
    ) -> Iterator[str]:
        if not isinstance(actual, dict):
            yield f"{place} is {reprlib.repr(actual)}, not an object"
            return
        for name, value in fields.items():
            if name not in actual:
                yield f"{place}.{name} is missing"
                continue
            part = replace(example, value=value, path=child(example.path, name))
            yield from self.differences(actual[name], part, f"{place}.{name}")

    def _by_elements(self, actual: Any, example: Example, place: str) -> Iterator[str]:
        if not isinstance(actual, list):
            yield f"{place} is {reprlib.repr(actual)}, not a list"
        elif bool(actual) != bool(example.value):
            yield f"{place} is {'not ' if actual else ''}empty"
        else:
            known = self._elements.get(_kind(place), [])
            for index, element in enumerate(actual):
                yield from self._like_any(element, known, f"{place}[{index}]")

    def _like_any(self, actual: Any, known: Iterable[Example], place: str) -> list[str]:
        """The differences from the closest one."""
        found = [list(self.differences(actual, each, place)) for each in known]
        return min(found, key=len)

    def _by_matcher(
        self, actual: Any, example: Example, matcher: Mapping[str, Any], place: str
    ) -> Iterator[str]:
        kind, pattern = matcher["match"], matcher.get("regex", "")
        if kind == "arrayContains":
            yield from self._by_variants(actual, example, matcher["variants"], place)
        elif kind not in _IS_LIKE:
            raise ContractError(
                f"Fakes can't be checked with Pact's matcher `{kind}`: add it to {__name__}."
            )
        elif not _IS_LIKE[kind](actual, example.value, pattern):
            like = f"a value like {reprlib.repr(example.value)} ({kind})"
            wanted = f"which doesn't match {pattern}" if pattern else f"not {like}"
            yield f"{place} is {reprlib.repr(actual)}, {wanted}"
        elif kind == "type" and isinstance(actual, list):
            yield from self._by_template(actual, example, matcher, place)

    def _by_template(
        self, actual: list[Any], example: Example, matcher: Mapping[str, Any], place: str
    ) -> Iterator[str]:
        if not matcher.get("min", 0) <= len(actual) <= matcher.get("max", len(actual)):
            yield f"{place} has {len(actual)} elements"
        for index, element in enumerate(actual):
            for first in example.value[:1]:
                part = replace(example, value=first, path=f"{example.path}[*]")
                yield from self.differences(element, part, f"{place}[{index}]")

    def _by_variants(
        self, actual: Any, example: Example, variants: Iterable[Mapping[str, Any]], place: str
    ) -> Iterator[str]:
        elements = actual if isinstance(actual, list) else []
        for each in variants:
            wanted = Example(example.value[each["index"]], each["rules"], "$", example.from_state)
            if all(list(self.differences(element, wanted, place)) for element in elements):
                yield f"{place} has nothing like {reprlib.repr(wanted.value)}"

    def _collect(self, example: Example, place: str) -> None:
        match example.value:
            case dict() as fields:
                for name, value in fields.items():
                    part = replace(example, value=value, path=child(example.path, name))
                    self._collect(part, f"{place}.{name}")
            case list() as values:
                for index, value in enumerate(values):
                    part = replace(example, value=value, path=f"{example.path}[{index}]")
                    self._elements.setdefault(_kind(place), []).append(part)
                    self._collect(part, f"{place}[{index}]")


def example_of_response(interaction: Interaction) -> Example:
    response = interaction.document["response"]
    values = [value for state in interaction.states for value in state.parameters.values()]
    return Example(
        response.get("body", {}).get("content"),
        response.get("matchingRules", {}).get("body", {}),
        "$",
        frozenset((type(value), value) for value in values),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _is_a_case(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _kind(place: str) -> str:
    """The same for all elements of a list."""
    return re.sub(r"\[\d+\]", "[]", place)
