"""Breaking changes between two OpenAPI descriptions, and the consumers that they break.

Requests may become wider and responses narrower: what one side allows, the other has to accept.
"""

import json
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.openapi.conformance import Description, place_of
from contracts.openapi.described import METHODS, Operation, Schema, below
from contracts.openapi.places import places_of
from contracts.pacts import Interaction
from contracts.schemas import ANNOTATIONS

_SIZES = ("imum", "Length", "Items", "Properties")
_IS_WITHIN: Mapping[str, Callable[[Any, Any], bool]] = {
    **{f"max{each}": operator.le for each in _SIZES},
    **{f"min{each}": operator.ge for each in _SIZES},
    "exclusiveMaximum": operator.le,
    "exclusiveMinimum": operator.ge,
    "enum": lambda values, accepted: all(each in accepted for each in values),
}
"""Whether all that a keyword's first value allows, its second accepts; others have to be equal."""
_IGNORED = {"type", "items", "properties", "required", "additionalProperties", *ANNOTATIONS}
_IGNORED |= {"readOnly", "writeOnly", "discriminator"}
"""Keywords that are compared in another way, or don't restrict a value."""
_NEEDED = ("added as required", "now required")
Variants = Sequence[Schema]
Found = tuple[str, str, str]
"""A place; what changed; the place without which an interaction is broken, if not those that have it."""


@dataclass(frozen=True)
class Change:
    """A change that may break a client of the old description."""

    what: str
    used_by: Sequence[Interaction]

    def __str__(self) -> str:
        consumers = {each.consumer: each for each in reversed(self.used_by)}
        breaks = [f"breaks {each}, {each.test}" for each in reversed(consumers.values())]
        if more := len(self.used_by) - len(breaks):
            breaks.append(f"and {more} more")
        return f"{self.what}; {'; '.join(breaks) or 'used by no consumer'}"


def breaking_changes(
    old: Description, new: Description, interactions: Collection[Interaction]
) -> Iterator[Change]:
    """In the order of the paths. `interactions` are all that consumers have with this provider."""
    now = {re.sub("{.*?}", "{}", path): path for path in new["paths"]}
    for path, item in sorted(old["paths"].items()):
        same = now.get(re.sub("{.*?}", "{}", path), "")
        for method in (each for each in METHODS if each in item):
            before, found = Operation(old, path, method), [("", "removed", "")]
            if method in new["paths"].get(same, {}):
                found = [*dict.fromkeys(_breaking(before, Operation(new, same, method, before)))]
            users = [each for each in interactions if place_of(each, old) == (method, path)]
            for place, what, without in found:
                name = f"{method.upper()} {path} {place}".strip()
                used_by = [each for each in users if _is_broken(each, place, without, before)]
                yield Change(f"{name}: {what}", used_by)


def _is_broken(interaction: Interaction, place: str, without: str, old: Operation) -> bool:
    places = set(places_of(interaction))
    if without:
        around = without.rpartition(".")[0] if "$" in without else ""
        return without not in places and (not around or around in places)
    if place.endswith(".*"):  # the fields that the description doesn't name
        places -= {shown(each) for each in old.accepted.keys() | old.answered.keys()}
    pattern = re.escape(place).replace(r"\.\*", r"\.[^.\[]+").replace("XX", "..")
    pattern = re.sub("^default", "...", pattern)
    return place.startswith("path ") or not place or any(re.fullmatch(pattern, e) for e in places)


def _breaking(old: Operation, new: Operation) -> Iterator[Found]:
    needed, need = old.security(), new.security()
    if not all(any(one <= other for one in need) for other in needed):
        sides = [[", ".join(sorted(each)) or "none" for each in side] for side in (needed, need)]
        # If nothing was needed, it breaks only those who don't send it already.
        sent = " ".join(min(need[0]).split()[:2]) if set() in needed else ""
        yield "", _changed("security", *map(" or ".join, sides)), sent
    directions = (old.accepted, new.accepted, True), (old.answered, new.answered, False)
    for before, after, is_request in directions:
        for place in (each for each in before if each in after):
            for step, what in _of_value(before[place], after[place], is_request=is_request):
                found = shown(below(place, step) if step else place)
                yield found, what, found if what in _NEEDED else ""
    for place in (each for each in old.parts if "in" in old.parts[each] and each in new.parts):
        for name in ("style", "explode", "default"):
            parts = old.parts[place], new.parts[place]
            was, now = ({**each.get("schema", {}), **each}.get(name, "none") for each in parts)
            if was != now:
                yield place, _changed(name, was, now), place if name == "default" else ""


def _of_value(old: Variants, new: Variants, *, is_request: bool) -> Iterator[tuple[str, str]]:
    """What changed, and the step to the field that it is about."""
    allowed, accepting = (old, new) if is_request else (new, old)
    fitting = [[other for other in accepting if _fits(each, other)] for each in allowed]
    if not accepting and is_request and allowed:
        yield "", "no longer allowed"
    elif accepting and not all(fitting):
        kinds = [sorted({each["type"] for each in side}) for side in (old, new)]
        yield "", _changed("type", *map(" or ".join, kinds))
    for each, others in zip(allowed, fitting, strict=True):
        found = [list(_of_pair(each, other, is_request=is_request)) for other in others]
        yield from min(found, key=len, default=())


def _of_pair(allowed: Schema, by: Schema, *, is_request: bool) -> Iterator[tuple[str, str]]:
    old, new = (allowed, by) if is_request else (by, allowed)
    for name in sorted(by.keys() - _IGNORED):
        is_within = _IS_WITHIN.get(name, lambda value, other: bool(value == other))
        is_limited = by[name] is not False and not name.startswith("x-")
        if is_limited and (name not in allowed or not is_within(allowed[name], by[name])):
            yield "", _changed(name, old.get(name, "none"), new.get(name, "none"))
    gone = old["properties"].keys() - new["properties"].keys()
    for name in sorted(gone):
        part, _, own = name.partition(" ")
        if not own or part not in gone:  # otherwise it is gone with its response
            yield f".{name}", "removed"
    if is_request:
        for name in sorted(new["required"] - old["required"]):
            yield f".{name}", _NEEDED[name in old["properties"]]
    else:
        for name in sorted(old["required"] - new["required"] - gone):
            yield f".{name}", "no longer required"


def _fits(schema: Schema, other: Schema) -> bool:
    number = "number" if schema["type"] == "integer" else schema["type"]
    return other["type"] in ("any", schema["type"], number)


def shown(place: str) -> str:
    """Without the media type, `200 $.name`, or the path in a parameter, `query limit`."""
    part, dollar, path = place.partition(" $")
    return f"{part.partition(' ')[0]} ${path}" if dollar and "/" in part else part


def _changed(what: str, *values: Any) -> str:
    texts = (each if isinstance(each, str) else json.dumps(each) for each in values)
    return f"{what} changed from {' to '.join(texts)}"
