"""What a description marks as deprecated, with its sunset date (`x-sunset`, as oasdiff reads it)."""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.openapi.conformance import Description
from contracts.openapi.operations import METHODS, Operation
from contracts.openapi.schemas import resolved
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
    whole = operation.description["paths"][operation.path][operation.method]
    marked: dict[str, Mapping[str, Any]] = {"": whole}
    marked |= {f"{place} {name}": each for (place, name), each in operation.parameters.items()}
    contents = {"request": operation["requestBody"]}
    for status, response in operation["responses"].items():
        contents[status] = resolved(response, operation.description)
        headers = operation.headers(status)
        marked |= {f"{place} {name}": each for (place, name), each in headers.items()}
    for place, each in marked.items():
        if each.get("deprecated"):
            yield place, str({**each.get("schema", {}), **each}.get("x-sunset", ""))
    for part, content in contents.items():
        for path, value in values_of(content, operation.description).items():
            if value.sunset is not None:
                yield f"{part} {path}", value.sunset
