"""Breaking changes between two OpenAPI descriptions, and the consumers that they break."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from contracts.openapi.conformance import Description, place_of
from contracts.openapi.described import METHODS, Operation
from contracts.openapi.operations import Found, breaking
from contracts.openapi.places import places_of
from contracts.openapi.values import values_of
from contracts.pacts import Interaction


@dataclass(frozen=True)
class Change:
    """A change that may break a client of the old description."""

    method: str
    path: str
    place: str
    """`200 $.name`, `request $.name`, `query limit`, or empty for the whole operation."""
    what: str
    used_by: tuple[Interaction, ...] = ()

    def __str__(self) -> str:
        place = f" {self.place}" if self.place else ""
        used_by = "; ".join(
            f"breaks {each.consumer}: {each.description}, {each.test}" for each in self.used_by
        )
        operation = f"{self.method.upper()} {self.path}{place}"
        return f"{operation}: {self.what}; {used_by or 'used by no consumer'}"


def breaking_changes(
    old: Description, new: Description, interactions: Iterable[Interaction]
) -> list[Change]:
    """In the order of the paths. `interactions` are all that consumers have with this provider."""
    used: dict[tuple[str, str], list[Interaction]] = {}
    for each in interactions:
        if not each.is_message and (called := place_of(each, old)):
            used.setdefault(called, []).append(each)
    now = {re.sub("{.*?}", "{}", path): path for path in new["paths"]}
    changes = []
    for path, item in sorted(old["paths"].items()):
        same = now.get(re.sub("{.*?}", "{}", path), "")
        for method in (each for each in METHODS if each in item):
            before, after = Operation(old, path, method), Operation(new, same, method)
            calls = used.get((method, path), [])
            for found in dict.fromkeys(breaking(before, after)):
                users = tuple(each for each in calls if _is_broken(each, found, before))
                changes.append(Change(method, path, found.place, found.what, users))
    return changes


def _is_broken(interaction: Interaction, found: Found, old: Operation) -> bool:
    places = set(places_of(interaction))
    if found.breaks_without:
        around = found.breaks_without.rpartition(".")[0] if "$" in found.breaks_without else ""
        return found.breaks_without not in places and (not around or around in places)
    if not found.place or found.place.startswith("path "):
        return True
    part, _, path = found.place.partition(" ")
    if path.endswith(".*"):  # the fields that the description doesn't name
        places -= {f"{part} {each}" for each in values_of(old.parts[part], old.description)}
    pattern = re.escape(found.place).replace(r"\.\*", r"\.[^.\[]+").replace("XX", "..")
    return any(re.fullmatch(re.sub("^default", "...", pattern), each) for each in places)
