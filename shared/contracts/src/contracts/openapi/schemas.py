"""Breaking changes between two JSON Schemas (draft 2020-12), of requests or of responses.

Requests may become wider and responses narrower: what one side allows, the other has to accept.
Keywords without a comparison of their own, such as `format` and `pattern`, have to be equal.
"""

import json
import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.openapi.described import TYPE_OF, Schema, alternatives, resolved

_LIMITS = {
    each: 1 if each.startswith("max") else -1 for each in TYPE_OF if each[:3] in ("max", "min")
}
"""Less is stricter, or with -1 more is."""
_ACCEPTED: Mapping[str, Callable[[Any, Any], bool]] = {
    "enum": lambda values, accepted: all(each in accepted for each in values),
    **dict.fromkeys(_LIMITS, operator.le),
}
"""Whether all that a keyword's first value allows, its second accepts; others have to be equal."""
_OTHER = {"type", "items", "properties", "required", "additionalProperties"}
_OTHER |= {"exclusiveMaximum", "exclusiveMinimum", "readOnly", "writeOnly", "discriminator"}
_OTHER |= {"title", "description", "default", "examples", "example", "deprecated"}
"""Keywords that are compared in another way, or don't restrict a value."""
_MAX_DEPTH = 50
NEEDED = ("added as required", "now required")
Names = Collection[str]
Within = tuple[Any, ...]
Changes = Iterator[tuple[str, str]]
"""The path of each value, such as `$.sizes[]`, and what changed."""


@dataclass(frozen=True)
class Comparison:
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    """The descriptions, for references."""
    is_request: bool

    def breaking(self, old: Any, new: Any, path: str = "$", within: Within = ()) -> Changes:
        within, around = (*within, (id(old), id(new))), within
        if within[-1] in around or len(within) > _MAX_DEPTH:  # a recursive schema
            return
        sides = list(alternatives(old, self.old)), list(alternatives(new, self.new))
        allowed, accepting = self._directed(*sides)
        fitting = [[other for other in accepting if _fits(each, other)] for each in allowed]
        if not all(fitting):
            types = (" or ".join(sorted({each["type"] for each in side})) for side in sides)
            yield path, changed("type", *types)
        for each, others in zip(allowed, fitting, strict=True):
            found = [list(self._of_pair(each, other, path, within)) for other in others]
            yield from min(found, key=len, default=())

    def _directed(self, old: Any, new: Any) -> tuple[Any, Any]:
        """What is allowed, and what has to accept it: the new server, or the old one's client."""
        return (old, new) if self.is_request else (new, old)

    def _of_pair(self, allowed: Schema, by: Schema, path: str, within: Within) -> Changes:
        old, new = self._directed(allowed, by)
        for name in sorted({*_ACCEPTED, *by} - _OTHER):
            if not _is_accepted(name, _value(allowed, name), _value(by, name)):
                yield path, changed(name, _shown(old, name), _shown(new, name))
        if "items" in by:
            items = old.get("items", True), new.get("items", True)
            yield from self.breaking(*items, f"{path}[]", within)
        if allowed["type"] == by["type"] == "object":
            yield from self._of_objects(old, new, path, within)

    def _of_objects(self, old: Schema, new: Schema, path: str, within: Within) -> Changes:
        (was, needed), (now, need) = self._sent(old, self.old), self._sent(new, self.new)
        for name, what in self.names(was, now, needed, need):
            yield f"{path}.{name}", what
        for name in sorted(was.keys() & now.keys()):
            yield from self.breaking(was[name], now[name], f"{path}.{name}", within)
        more = old.get("additionalProperties", True), new.get("additionalProperties", True)
        allowed, accepted = self._directed(*more)
        if self.is_request and accepted is False and allowed is not False:
            yield f"{path}.*", "additional properties are no longer allowed"
        elif isinstance(accepted, Mapping) and allowed is not False:
            yield from self.breaking(*more, f"{path}.*", within)

    def _sent(self, schema: Schema, description: Schema) -> tuple[Schema, set[str]]:
        """The properties that are sent in this direction, and those that have to be."""
        fields, unsent = (
            schema.get("properties", {}),
            "readOnly" if self.is_request else "writeOnly",
        )
        whole = {name: resolved(each, description) for name, each in fields.items()}
        sent = {name: each for name, each in fields.items() if not whole[name].get(unsent)}
        has_default = {name for name in sent if self.is_request and "default" in whole[name]}
        return sent, {*schema.get("required", ())} - (fields.keys() - sent.keys()) - has_default

    def names(self, old: Names, new: Names, needed: Names = (), need: Names = ()) -> Changes:
        """What is gone, and what of `needed`, or now of `need`, has to be there."""
        yield from ((name, "removed") for name in sorted({*old} - {*new}))
        if self.is_request:
            yield from ((each, NEEDED[each in old]) for each in sorted({*need} - {*needed}))
        else:
            lost = ({*needed} - {*need}) & {*new}
            yield from ((each, "no longer required") for each in sorted(lost))


def changed(what: str, *values: Any) -> str:
    values = tuple("none" if each is None else each for each in values)
    shown = [each if isinstance(each, str) else json.dumps(each) for each in values]
    return f"{what} changed from {' to '.join(shown)}"


def _fits(schema: Schema, other: Schema) -> bool:
    number = "number" if schema["type"] == "integer" else schema["type"]
    return other["type"] in ("any", schema["type"], number)


def _is_accepted(name: str, value: Any, by: Any) -> bool:
    if by is None or name.startswith("x-"):
        return True
    return value is not None and (_ACCEPTED[name](value, by) if name in _ACCEPTED else value == by)


def _value(schema: Schema, name: str) -> Any:
    """Of a limit: a number, so that the stricter of two is less, and whether it is allowed itself."""
    if name not in _LIMITS:
        return None if schema.get(name) is False else schema.get(name)
    limits = [(_LIMITS[name] * schema[name], True)] if name in schema else []
    if (exclusive := schema.get(f"exclusive{name.capitalize()}")) is not None:
        is_whole = schema["type"] == "integer"
        limits.append((_LIMITS[name] * exclusive - is_whole, is_whole))
    return min(limits, default=None)


def _shown(schema: Schema, name: str) -> Any:
    value = _value(schema, name)
    if value is None or name not in _LIMITS:
        return value
    return f"{'' if value[1] else 'exclusive '}{_LIMITS[name] * value[0]:g}"
