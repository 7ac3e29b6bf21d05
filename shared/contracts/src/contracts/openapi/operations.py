"""The breaking changes of an operation between two OpenAPI descriptions."""

from collections.abc import Iterator
from dataclasses import dataclass

from contracts.openapi.described import Named, Operation
from contracts.openapi.schemas import NEEDED, Comparison, changed


@dataclass(frozen=True)
class Found:
    place: str
    """As in `places.py`; empty for the whole operation."""
    what: str
    breaks_without: str = ""
    """It breaks interactions without this place, not those with its own."""


def breaking(old: Operation, new: Operation) -> Iterator[Found]:
    if new.method not in new.description["paths"].get(new.path, {}):
        yield Found("", "removed")
        return
    request, response = (
        Comparison(old.description, new.description, each) for each in (True, False)
    )
    yield from _security(old.security, new.security)
    yield from _named(old.parameters(), new.parameters(like=old.path), request)
    for part, was in old.parts.items():
        same = [each for each in (part, f"{part[0]}XX", "default") if each in new.parts]
        if not same:
            yield Found(part, "removed")
            continue
        now, comparison = new.parts[same[0]], request if part == "request" else response
        if now.get("required") and not was.get("required"):
            yield Found(part, "a body is now required", part)
        yield from _named(old.headers(part), new.headers(same[0], like=part), comparison)
        yield from _content(part, was.get("content", {}), now.get("content", {}), comparison)


def _security(old: list[set[str]], new: list[set[str]]) -> Iterator[Found]:
    if all(any(need <= needed for need in new) for needed in old):
        return
    shown = [" or ".join(", ".join(sorted(each)) or "none" for each in side) for side in (old, new)]
    # If nothing was needed, it breaks only those who don't send it already.
    sent = " ".join(min(new[0]).split()[:2]) if set() in old else ""
    yield Found("", changed("security", *shown), sent)


def _named(old: Named, new: Named, comparison: Comparison) -> Iterator[Found]:
    required = [[each for each in side if side[each].get("required")] for side in (old, new)]
    for place, what in comparison.names(old, new, *required):
        moved = [each for each in new if what == "removed" and _name(each) == _name(place)]
        told = f"moved to {moved[0].partition(' ')[0]}" if moved else what
        yield Found(place, told, place if what in NEEDED else "")
    for place in (each for each in old if each in new):
        was, now = old[place], new[place]
        schemas = was.get("schema", {}), now.get("schema", {})
        yield from (Found(place, what) for _, what in comparison.breaking(*schemas))
        equal = {name: (was.get(name), now.get(name)) for name in ("style", "explode")}
        if comparison.is_request and not now.get("required"):
            equal["default"] = schemas[0].get("default"), schemas[1].get("default")
        for name, values in equal.items():
            if values[0] != values[1]:
                yield Found(place, changed(name, *values), place if name == "default" else "")


def _content(part: str, old: Named, new: Named, comparison: Comparison) -> Iterator[Found]:
    yield from (Found(f"{part} {kind}", what) for kind, what in comparison.names(old, new))
    for kind in (each for each in old if each in new):
        schemas = old[kind].get("schema", {}), new[kind].get("schema", {})
        for path, what in comparison.breaking(*schemas):
            yield Found(f"{part} {path}", what, f"{part} {path}" if what in NEEDED else "")


def _name(place: str) -> str:
    return place.partition(" ")[2].lower()
