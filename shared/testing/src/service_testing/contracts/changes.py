"""What a new OpenAPI description takes away or asks for in addition, and which consumers that breaks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from service_testing.contracts.descriptions import Description, place_of
from service_testing.contracts.pact_files import Interaction
from service_testing.contracts.values import values_in, values_of


@dataclass(frozen=True)
class Change:
    """Something that a client of the old description may not survive."""

    method: str
    path: str
    place: str
    """`200 $.name`, `request $.name`, `query limit`, or nothing for the whole operation."""
    what: str
    readers: tuple[Interaction, ...] = ()

    def __str__(self) -> str:
        place = f" {self.place}" if self.place else ""
        readers = "; ".join(
            f"breaks {each.consumer}: {each.description}, {each.test}" for each in self.readers
        )
        operation = f"{self.method.upper()} {self.path}{place}"
        return f"{operation}: {self.what}; {readers or 'read by nobody'}"


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
                readers = tuple(each for each in users if _is_concerned(each, place))
                changes.append(Change(method, path, place, what, readers))
    return changes


def _operation_changes(
    old: Mapping[str, Any], new: Mapping[str, Any] | None, before: Description, after: Description
) -> Iterator[tuple[str, str]]:
    if new is None:
        yield "", "removed"
        return
    for status, answer in sorted(old["responses"].items()):
        if status not in new["responses"]:
            yield status, "removed"
            continue
        was = values_of(answer, before)
        now = values_of(new["responses"][status], after)
        for path, value in was.items():
            if path not in now:
                yield f"{status} {path}", "removed"
            elif now[path].allows_more_than(value):
                yield f"{status} {path}", f"{value.text} is {now[path].text} now"
            elif value.is_required and not now[path].is_required:
                yield f"{status} {path}", "may be absent now"
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
            yield f"request {path}", f"{was[path].text} is {now[path].text} now"
        elif now[path].is_required and not (path in was and was[path].is_required):
            yield f"request {path}", "required now"
    were = {each["name"] for each in old.get("parameters", []) if each.get("required")}
    for each in new.get("parameters", []):
        if each.get("required") and each["name"] not in were:
            yield f"{each['in']} {each['name']}", "required now"
    known = {(each["in"], each["name"]) for each in new.get("parameters", [])}
    for each in old.get("parameters", []):
        if (each["in"], each["name"]) not in known:
            yield f"{each['in']} {each['name']}", "removed"


def _is_concerned(interaction: Interaction, place: str) -> bool:
    part, _, path = place.partition(" ")
    request, response = interaction.document["request"], interaction.document["response"]
    if part == "query":
        return path in request.get("query", {})
    if not part.isdigit():  # whatever is asked of a request is asked of each
        return True
    if str(response["status"]) != part:
        return False
    content = response.get("body", {}).get("content")
    return not path or path in dict(values_in(content))
