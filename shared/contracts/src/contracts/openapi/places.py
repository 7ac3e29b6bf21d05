"""What an interaction sends and reads, by place.

A place is `query limit`, `header etag`, `request $.name`, `request application/json`, `200`, `200 $.sizes[]`,
`200 header etag`, or `message $.data.id`. Names of headers are in lower case.
"""

from collections.abc import Iterator, Mapping
from http.cookies import SimpleCookie
from typing import Any

from contracts.pacts import Interaction


def places_of(interaction: Interaction) -> list[str]:
    if interaction.is_message:
        return list(dict.fromkeys(_of_body("message", interaction.document["contents"])))
    request, response = interaction.document["request"], interaction.document["response"]
    found = [f"query {name}" for name in request.get("query", {})]
    headers = {name.lower(): value for name, value in request.get("headers", {}).items()}
    found += [f"header {name}" for name in headers]
    found += [f"cookie {name}" for each in headers.get("cookie", ()) for name in SimpleCookie(each)]
    found += _of_body("request", request.get("body"))
    status = str(response["status"])
    found += [status, *(f"{status} header {name.lower()}" for name in response.get("headers", {}))]
    return list(dict.fromkeys([*found, *_of_body(status, response.get("body"))]))


def _of_body(part: str, body: Mapping[str, Any] | None) -> Iterator[str]:
    if not body:
        return
    yield part
    yield f"{part} {media_type(body)}"
    for path, _ in values_in(body.get("content")):
        yield f"{part} {path}"


def media_type(body: Mapping[str, Any]) -> str:
    return str(body.get("contentType", "application/json")).partition(";")[0].strip()


def values_in(content: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    """The values of an example by their paths: `$`, `$.name`, `$.sizes[]`."""
    yield path, content
    if isinstance(content, dict):
        for name, value in content.items():
            yield from values_in(value, f"{path}.{name}")
    elif isinstance(content, list):
        for value in content:
            yield from values_in(value, f"{path}[]")
