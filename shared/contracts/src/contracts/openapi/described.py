"""What an operation of an OpenAPI description accepts and answers, by place.

Places are those of `places.py`, with a media type before what is in it: `200 application/json $.sizes[]`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.schemas import JSON_TYPES

Schema = Mapping[str, Any]
Values = Mapping[str, Sequence[Schema]]
"""The alternatives of each value. At "" is an object: its fields are the parts of the message."""
METHODS = ("delete", "get", "head", "options", "patch", "post", "put", "trace")
_MAX_DEPTH = 20


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
        self.accepted = self._values(sent, "readOnly")
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

    def _values(self, parts: Mapping[str, Schema], unsent: str) -> Values:
        found: dict[str, list[Schema]] = {}

        def collect(schema: Any, place: str, within: Sequence[int]) -> None:
            found.setdefault(place, [])
            if id(schema) in within or len(within) > _MAX_DEPTH:  # it is recursive
                return
            for each in alternatives(schema, self.description):
                fields, needed = dict(each.get("properties", {})), {*each.get("required", ())}
                for name in each.get("properties", ()):
                    marks = {key for e in alternatives(fields[name], self.description) for key in e}
                    if marks & ({unsent, "default"} if unsent == "readOnly" else {unsent}):
                        needed.discard(name)
                    if unsent in marks:
                        del fields[name]
                found[place].append({**each, "properties": fields, "required": needed})
                inner = {below(place, f".{name}"): fields[name] for name in fields}
                if each["type"] == "object":
                    inner[below(place, ".*")] = each.get("additionalProperties", True)
                if each["type"] == "array":
                    inner[below(place, "[]")] = each.get("items", True)
                for part, value in inner.items():
                    collect(value, part, (*within, id(schema)))

        needed = [name for name in parts if parts[name].get("required")]
        schemas = {name: part.get("schema", True) for name, part in parts.items()}
        collect({"properties": schemas, "required": needed}, "", ())
        return found


def below(place: str, step: str) -> str:
    """`200 application/json $.sizes` below `200 application/json`, for `.sizes`."""
    return f"{place}{step}" if "$" in place else f"{place} ${step}" if place else step[1:]


def resolved(part: Any, description: Schema) -> Any:
    """A schema, parameter, response or body without its `$ref`."""
    while "$ref" in part:
        target: Any = description
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name.replace("~1", "/").replace("~0", "~")]
        part = {**target, **{key: part[key] for key in part if key != "$ref"}}
    return part


def alternatives(schema: Any, description: Schema) -> Iterator[dict[str, Any]]:
    """A schema for each type, without `$ref`, `allOf`, `anyOf`, `oneOf`, `const`; of False none."""
    whole = resolved({} if isinstance(schema, bool) else schema, description)
    bases = [{key: whole[key] for key in whole if key not in ("allOf", "anyOf", "oneOf")}]
    groups = [[each] for each in whole.get("allOf", ())]
    groups += [whole[name] for name in ("anyOf", "oneOf") if name in whole]
    for group in groups:
        variants = [each for part in group for each in alternatives(part, description)]
        bases = [_both(base, each) for base in bases for each in variants]
    for base in bases if schema is not False else ():
        if "const" in base:
            base["enum"] = [base.pop("const")]
        kinds = base.get("type") or _types_of(base)
        yield from (_of_type(base, each) for each in ([kinds] if isinstance(kinds, str) else kinds))


def _both(one: Schema, other: Schema) -> dict[str, Any]:
    """A schema that requires both; of other keywords than these the second one's value is taken."""
    both = {**one, **{key: other[key] for key in other if (key, other[key]) != ("type", "any")}}
    both["properties"] = {**one.get("properties", {}), **other.get("properties", {})}
    both["required"] = [*one.get("required", ()), *other.get("required", ())]
    if "enum" in one and "enum" in other:
        both["enum"] = [each for each in one["enum"] if each in other["enum"]]
    return both


def _types_of(schema: Schema) -> list[str]:
    """Of a schema that doesn't name its type."""
    is_object = (
        schema.get("properties") or schema.get("required") or "additionalProperties" in schema
    )
    values = {JSON_TYPES[type(each)] for each in schema.get("enum", ())}
    return sorted(values) or ["object" if is_object else "array" if "items" in schema else "any"]


def _of_type(schema: Schema, name: str) -> dict[str, Any]:
    if name == "null":
        return {"type": name}
    kinds = {"number", "integer"} if name in ("number", "integer") else {name}
    own = {**schema, "type": name}
    if "enum" in own:
        own["enum"] = [each for each in own["enum"] if JSON_TYPES[type(each)] in kinds]
    for limit, step in {"Maximum": -1, "Minimum": 1}.items() if name == "integer" else ():
        if (bound := own.pop(f"exclusive{limit}", None)) is not None:
            own[limit.lower()] = bound + step
    return own
