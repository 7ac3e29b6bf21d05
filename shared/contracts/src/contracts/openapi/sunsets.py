"""What a description marks as deprecated, with its sunset date (`x-sunset`, as oasdiff reads it)."""

from collections.abc import Iterator

from contracts.openapi.conformance import Description
from contracts.openapi.described import METHODS, Operation
from contracts.openapi.values import values_of

Place = tuple[str, str, str]
"""Method, path, and a place as in `places.py`; empty for the whole operation."""


def sunsets_of(description: Description) -> dict[Place, str]:
    """The date of each deprecated operation, parameter, header and field; empty if it has none."""
    return {
        (method.upper(), path, place): sunset
        for path, item in description["paths"].items()
        for method in METHODS
        if method in item
        for place, sunset in _of_operation(Operation(description, path, method))
    }


def _of_operation(operation: Operation) -> Iterator[tuple[str, str]]:
    marked = {"": operation.whole, **operation.parameters()}
    for part in operation.parts:
        marked |= operation.headers(part)
    for place, each in marked.items():
        if each.get("deprecated"):
            yield place, str({**each.get("schema", {}), **each}.get("x-sunset", ""))
    for part, content in operation.parts.items():
        for path, value in values_of(content, operation.description).items():
            if value.sunset is not None:
                yield f"{part} {path}", value.sunset
