"""Breaking changes between two OpenAPI descriptions, and the consumers that they break."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.openapi.conformance import Description, place_of
from contracts.openapi.values import values_in, values_of
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
    changes = []
    for path, operations in sorted(old["paths"].items()):
        for method in sorted(operations):
            users = used.get((method, path), [])
            now = new["paths"].get(path, {}).get(method)
            for place, what in _operation_changes(operations[method], now, old, new):
                used_by = tuple(each for each in users if _is_concerned(each, place))
                changes.append(Change(method, path, place, what, used_by))
    return changes


def _operation_changes(
    old: Mapping[str, Any], new: Mapping[str, Any] | None, before: Description, after: Description
) -> Iterator[tuple[str, str]]:
    if new is None:
        yield "", "removed"
        return
    for status, response in sorted(old["responses"].items()):
        if status not in new["responses"]:
            yield status, "removed"
            continue
        was = values_of(response, before)
        now = values_of(new["responses"][status], after)
        for path, value in was.items():
            if path not in now:
                yield f"{status} {path}", "removed"
            elif now[path].allows_more_than(value):
                yield f"{status} {path}", f"changed from {value.text} to {now[path].text}"
            elif value.is_required and not now[path].is_required:
                yield f"{status} {path}", "no longer required"
    yield from _request_changes(old, new, before, after)


def _request_changes(
    old: Mapping[str, Any], new: Mapping[str, Any], before: Description, after: Description
) -> Iterator[tuple[str, str]]:
    was = values_of(old.get("requestBody", {}), before)
    now = values_of(new.get("requestBody", {}), after)
    for path in sorted(was.keys() | now.keys()):
        if path not in now:
            yield f"request {path}", "removed"
        elif path in was and was[path].allows_more_than(now[path]):
            yield f"request {path}", f"changed from {was[path].text} to {now[path].text}"
        elif now[path].is_required and not (path in was and was[path].is_required):
            yield f"request {path}", "now required"
    were = {each["name"] for each in old.get("parameters", []) if each.get("required")}
    for each in new.get("parameters", []):
        if each.get("required") and each["name"] not in were:
            yield f"{each['in']} {each['name']}", "now required"
    known = {(each["in"], each["name"]) for each in new.get("parameters", [])}
    for each in old.get("parameters", []):
        if (each["in"], each["name"]) not in known:
            yield f"{each['in']} {each['name']}", "removed"


def _is_concerned(interaction: Interaction, place: str) -> bool:
    part, _, path = place.partition(" ")
    request, response = interaction.document["request"], interaction.document["response"]
    if part == "query":
        return path in request.get("query", {})
    if not part.isdigit():  # a requirement on requests applies to each
        return True
    if str(response["status"]) != part:
        return False
    content = response.get("body", {}).get("content")
    return not path or path in dict(values_in(content))
