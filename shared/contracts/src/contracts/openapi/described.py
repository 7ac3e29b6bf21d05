"""What an operation of an OpenAPI description accepts and answers, by place.

Places are those of `places.py`, with a media type before what is in it: `200 application/json $.sizes[]`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.schemas import alternatives, resolved

Schema = Mapping[str, Any]
Values = Mapping[str, Sequence[Schema]]
"""The alternatives of each value. At "" is an object: its fields are the parts of the message."""
METHODS = ("delete", "get", "head", "options", "patch", "post", "put", "trace")


class Operation:
    def __init__(
        self, description: Schema, path: str, method: str, like: "Operation | None" = None
    ) -> None:
        """Parameters in the path, and statuses, are named as in `like`."""
        item = description["paths"][path]
        self.description, self.path, self.definition = description, path, item[method]
        given, wanted = (re.findall("{(.*?)}", each) for each in (path, (like or self).path))
        names, responses = dict(zip(given, wanted, strict=True)), self.definition["responses"]
        sent = self._body("request", self.definition.get("requestBody", {}))
        for each in (*item.get("parameters", ()), *self.definition.get("parameters", ())):
            part = resolved(each, description)
            name = {"path": names.get(part["name"]), "header": part["name"].lower()}.get(part["in"])
            sent[f"{part['in']} {name or part['name']}"] = part
        self.statuses: Sequence[str] = like.statuses if like else [*responses]
        read: dict[str, Schema] = {}
        for status in self.statuses:
            alike = [each for each in (status, f"{status[0]}XX", "default") if each in responses]
            read |= self._body(status, responses[alike[0]]) if alike else {}
        self.parts = sent | read
        """The definitions of parameters, headers, bodies and media types."""
        self.accepted = self._values(sent, "readOnly", "default")
        self.answered = self._values(read, "writeOnly")

    def security(self) -> list[set[str]]:
        """Each alternative: what has to be sent, `header authorization bearer`, and its scopes."""
        schemes = self.description.get("components", {}).get("securitySchemes", {})
        sent = {
            name: f"{each['in']} {each['name'].lower()}"
            if "in" in each
            else f"header authorization {each.get('scheme', 'bearer')}"
            for name, each in schemes.items()
        }
        return [
            {f"{sent[name]} {scope}".strip() for name in each for scope in ("", *each[name])}
            for each in self.definition.get("security", self.description.get("security")) or [{}]
        ]

    def _body(self, place: str, body: Schema) -> dict[str, Schema]:
        whole = resolved(body, self.description)
        parts = {f"{place} {kind}": each for kind, each in whole.get("content", {}).items()}
        for name, header in whole.get("headers", {}).items():
            parts[f"{place} header {name.lower()}"] = resolved(header, self.description)
        return {place: whole, **parts}

    def _values(self, parts: Mapping[str, Schema], unsent: str, *optional: str) -> Values:
        """Without fields that are marked as unsent; no field with one of the marks is required."""
        found: dict[str, list[Schema]] = {}

        def collect(schema: Any, place: str, within: Sequence[int]) -> None:
            found.setdefault(place, [])
            if id(schema) in within:  # it is recursive
                return
            for each in alternatives(schema, self.description):
                given = each.get("properties", {})
                marks = {name: self._keywords(given[name]) for name in given}
                fields = {name: given[name] for name in given if unsent not in marks[name]}
                needed = {
                    name
                    for name in each.get("required", ())
                    if not {unsent, *optional} & marks.get(name, set())
                }
                found[place].append({**each, "properties": fields, "required": needed})
                inner = {f".{name}": fields[name] for name in fields}
                if each["type"] == "object":
                    inner[".*"] = each.get("additionalProperties", True)
                if each["type"] == "array":
                    inner["[]"] = each.get("items", True)
                for step, value in inner.items():
                    collect(value, below(place, step), (*within, id(schema)))

        needed = [name for name in parts if parts[name].get("required")]
        schemas = {name: part.get("schema", True) for name, part in parts.items()}
        collect({"properties": schemas, "required": needed}, "", ())
        return found

    def _keywords(self, schema: Any) -> set[str]:
        return {key for each in alternatives(schema, self.description) for key in each}


def below(place: str, step: str) -> str:
    """`200 application/json $.sizes` below `200 application/json`, for `.sizes`."""
    return f"{place}{step}" if "$" in place else f"{place} ${step}" if place else step[1:]
