"""Who reads what of a provider, from the pacts; and who still uses what is deprecated."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from contracts.gate.deployed import Deployments
from contracts.gate.removed import interactions_at
from contracts.gate.workspace import Workspace
from contracts.openapi.changes import shown
from contracts.openapi.conformance import Description, place_of
from contracts.openapi.described import METHODS, Operation
from contracts.openapi.places import places_of
from contracts.pacts import Interaction

Place = tuple[str, str, str]
"""Method, path, and a place as in `places.py`; empty for the whole operation."""


@dataclass(frozen=True)
class Use:
    interaction: Interaction
    method: str
    path: str
    """As in the description, `/books/{book_id}`; of a message its description."""
    places: tuple[str, ...]

    def is_of(self, path: str) -> bool:
        sent = self.interaction.document.get("request", {}).get("path")
        return path in (self.path, sent, "")

    def __str__(self) -> str:
        return f"{self.interaction}, {self.interaction.test}"


def uses(interactions: list[Interaction], description: Description) -> Iterator[Use]:
    for each in interactions:
        # Without media types and whole bodies.
        places = tuple(
            place
            for place in places_of(each)
            if place not in ("request", "message")
            and not place.endswith((" $", "$[]"))
            and ("/" not in place or " $." in place)
        )
        if each.is_message:
            yield Use(each, "message", each.description, places)
        else:
            request = each.document["request"]
            method, path = place_of(each, description) or (request["method"], request["path"])
            yield Use(each, method.upper(), path, places)


def readers(workspace: Workspace, provider: str, path: str = "", field: str = "") -> Iterator[str]:
    """A line for each place that is sent or read, followed by the interactions that do so."""
    found: dict[str, list[str]] = {}
    interactions = _of_provider(workspace.contracts.every_interaction(), provider)
    for each in uses(interactions, workspace.description(provider)):
        for place in each.places if each.is_of(path) else ():
            if not field or field.lower() in (place.lower(), _last(place).lower()):
                found.setdefault(f"{each.method} {each.path}: {place}", []).append(f"  {each}")
    for place, lines in sorted(found.items()):
        yield from (place, *lines)


def deprecated_uses(
    workspace: Workspace, deployments: Deployments, service: str, description: Description
) -> tuple[list[str], list[str]]:
    """A line for each deprecated place and its users, and one for each consumer that begins to use it."""
    sunsets = sunsets_of(description)
    base = deployments.merge_base if sunsets else None
    before = list(interactions_at(workspace, base)) if base else []
    used, earlier = (
        _users(uses(_of_provider(interactions, service), description), sunsets)
        for interactions in (workspace.contracts.every_interaction(), before)
    )
    lines, problems = [], []
    for place, sunset in sunsets.items():
        what = f"{service}: {' '.join(place).strip()} is deprecated{sunset and f', until {sunset}'}"
        by = "; ".join(str(each) for each in used[place])
        lines.append(f"{what}; {f'still used by {by}' if by else 'used by no consumer'}")
        known = {each.interaction.consumer for each in earlier[place]}
        new = [each for each in used[place] if each.interaction.consumer not in known]
        if base and new:
            problems.append(f"{what}, and begins to be used by {'; '.join(map(str, new))}")
    return lines, problems


def sunsets_of(description: Description) -> dict[Place, str]:
    """The date of each deprecated operation, parameter, header and field (`x-sunset`, as in oasdiff); or empty."""
    found: dict[Place, str] = {}
    for path, item in description["paths"].items():
        for method in (each for each in METHODS if each in item):
            operation = Operation(description, path, method)
            marked = {**operation.accepted, **operation.answered, "": [operation.definition]}
            marked |= {
                place: [part] for place, part in operation.parts.items() if part.get("deprecated")
            }
            for place, variants in marked.items():
                for each in (each for each in variants if each.get("deprecated")):
                    sunset = {**each.get("schema", {}), **each}.get("x-sunset", "")
                    found[method.upper(), path, shown(place)] = str(sunset)
    return found


def _users(found: Iterable[Use], places: Iterable[Place]) -> dict[Place, list[Use]]:
    every = list(found)
    return {
        (method, path, place): [
            each
            for each in every
            if (each.method, each.path) == (method, path) and (not place or place in each.places)
        ]
        for method, path, place in places
    }


def _of_provider(interactions: Iterable[Interaction], provider: str) -> list[Interaction]:
    return [each for each in interactions if each.provider == provider]


def _last(place: str) -> str:
    """`name` of `200 $.owner.name`, `etag` of `200 header etag`."""
    return place.replace("[]", "").rpartition(" ")[2].rpartition(".")[2]
