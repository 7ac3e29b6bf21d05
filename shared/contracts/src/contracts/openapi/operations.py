"""The breaking changes of an operation between two OpenAPI descriptions."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.openapi.schemas import Comparison, changed, resolved

METHODS = ("delete", "get", "head", "options", "patch", "post", "put", "trace")
_Named = Mapping[tuple[str, str], Any]
"""Parameters or headers, by place and name."""


@dataclass(frozen=True)
class Found:
    place: str
    """As in `places.py`; empty for the whole operation."""
    what: str
    breaks_without: str = ""
    """It breaks interactions without this place, not those with its own."""


@dataclass(frozen=True)
class Operation:
    description: Mapping[str, Any]
    path: str
    method: str

    def __getitem__(self, name: str) -> Any:
        """`responses`, `requestBody` or another part; an empty one if there is none."""
        operation = self.description["paths"][self.path][self.method]
        return resolved(operation.get(name, {}), self.description)

    @property
    def parameters(self) -> _Named:
        """In the path by position, because they can be renamed."""
        positions = {each: str(i) for i, each in enumerate(re.findall("{(.*?)}", self.path))}
        given = (*self.description["paths"][self.path].get("parameters", ()), *self["parameters"])
        found = {}
        for each in (resolved(part, self.description) for part in given):
            name = each["name"].lower() if each["in"] == "header" else each["name"]
            found[each["in"], positions.get(name, name) if each["in"] == "path" else name] = each
        return found

    def headers(self, status: str) -> _Named:
        response = resolved(self["responses"][status], self.description)
        return {
            (f"{status} header", name.lower()): resolved(each, self.description)
            for name, each in response.get("headers", {}).items()
        }

    @property
    def security(self) -> list[set[str]]:
        """Each alternative: what has to be sent, `header authorization bearer`, and its scopes."""
        schemes = self.description.get("components", {}).get("securitySchemes", {})
        operation = self.description["paths"][self.path][self.method]
        return [
            {
                f"{_credential(schemes[name])} {scope}".strip()
                for name in each
                for scope in ("", *each[name])
            }
            for each in operation.get("security", self.description.get("security")) or [{}]
        ]


def breaking(old: Operation, new: Operation) -> Iterator[Found]:
    if new.method not in new.description["paths"].get(new.path, {}):
        yield Found("", "removed")
        return
    requests, responses = (
        Comparison(old.description, new.description, each) for each in (True, False)
    )
    yield from _security(old.security, new.security)
    yield from _named(old.parameters, new.parameters, requests)
    was, now = old["requestBody"], new["requestBody"]
    if now.get("required") and not was.get("required"):
        yield Found("request", "a body is now required", "request")
    yield from _content("request", was, now, requests)
    for status in sorted(old["responses"]):
        others = [
            each for each in (status, f"{status[0]}XX", "default") if each in new["responses"]
        ]
        if not others:
            yield Found(status, "removed")
            continue
        yield from _named(old.headers(status), new.headers(others[0]), responses)
        was, now = old["responses"][status], new["responses"][others[0]]
        yield from _content(
            status, resolved(was, old.description), resolved(now, new.description), responses
        )


def _security(old: list[set[str]], new: list[set[str]]) -> Iterator[Found]:
    if all(any(need <= needed for need in new) for needed in old):
        return
    shown = [" or ".join(", ".join(sorted(each)) or "none" for each in side) for side in (old, new)]
    # If nothing was needed, it breaks only those who don't send it already.
    sent = " ".join(min(new[0]).split()[:2]) if set() in old else ""
    yield Found("", changed("security", *shown), sent)


def _credential(scheme: Mapping[str, Any]) -> str:
    if scheme["type"] == "apiKey":
        return f"{scheme['in']} {scheme['name'].lower()}"
    return f"header authorization {scheme.get('scheme', 'bearer')}"


def _named(old: _Named, new: _Named, comparison: Comparison) -> Iterator[Found]:
    for (place, key), was in old.items():
        label, now = f"{place} {was['name'] if place == 'path' else key}", new.get((place, key))
        if now is None:
            moved = [f"moved to {other}" for other, name in new if name.lower() == key.lower()]
            yield Found(label, moved[0] if moved else "removed")
            continue
        if comparison.is_request and now.get("required") and not was.get("required"):
            yield Found(label, "now required", label)
        elif not comparison.is_request and was.get("required") and not now.get("required"):
            yield Found(label, "no longer required")
        schemas = was.get("schema", {}), now.get("schema", {})
        defaults = [each.get("default") for each in schemas]
        if comparison.is_request and defaults[0] != defaults[1] and not now.get("required"):
            yield Found(label, changed("default", *defaults), label)
        for style in ("style", "explode"):
            if was.get(style) != now.get(style):
                yield Found(label, changed(style, was.get(style), now.get(style)))
        yield from (Found(label, what) for _, what in comparison.breaking(*schemas))
    for place, key in sorted(new.keys() - old.keys()):
        if comparison.is_request and new[place, key].get("required"):
            yield Found(f"{place} {key}", "added as required", f"{place} {key}")


def _content(part: str, old: Any, new: Any, comparison: Comparison) -> Iterator[Found]:
    others = new.get("content", {})
    for kind, was in old.get("content", {}).items():
        if kind not in others:
            yield Found(f"{part} {kind}", "removed")
            continue
        for path, what in comparison.breaking(
            was.get("schema", {}), others[kind].get("schema", {})
        ):
            yield Found(f"{part} {path}", what, f"{part} {path}" if what == "now required" else "")
