"""Reads an OpenAPI description: its operations, and a schema's alternatives without references."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

METHODS = ("delete", "get", "head", "options", "patch", "post", "put", "trace")
Named = Mapping[str, Any]
"""Parameters or headers by their place, such as `query limit`."""
Schema = Mapping[str, Any]
JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
JSON_TYPES |= {dict: "object", type(None): "null"}
_KEYWORDS_OF = {
    "string": ("maxLength", "minLength", "pattern"),
    "number": ("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "multipleOf"),
    "array": ("maxItems", "minItems", "items", "prefixItems", "uniqueItems"),
    "object": ("maxProperties", "minProperties", "properties", "required", "additionalProperties"),
}
TYPE_OF = {keyword: kind for kind, keywords in _KEYWORDS_OF.items() for keyword in keywords}
"""Keywords that restrict values of one type only."""
_MERGED: Mapping[str, Callable[[Any, Any], Any]] = {
    "enum": lambda one, other: [each for each in one if each in other],
    "required": lambda one, other: [*one, *other],
    "properties": lambda one, other: (
        one | other | {key: {"allOf": [one[key], other[key]]} for key in one.keys() & other.keys()}
    ),
}
"""Of two schemas that both apply; of other keywords the second one's value is taken."""


@dataclass(frozen=True)
class Operation:
    description: Mapping[str, Any]
    path: str
    method: str

    @property
    def whole(self) -> Mapping[str, Any]:
        operation: Mapping[str, Any] = self.description["paths"][self.path][self.method]
        return operation

    @property
    def parts(self) -> Mapping[str, Any]:
        """The body of the request, as `request`, and each response by its status."""
        found = {"request": self.whole.get("requestBody", {}), **self.whole.get("responses", {})}
        return {name: resolved(each, self.description) for name, each in found.items()}

    def parameters(self, like: str = "") -> Named:
        """Those in the path have the names that the path `like` gives them."""
        given, wanted = (re.findall("{(.*?)}", each) for each in (self.path, like or self.path))
        names = dict(zip(given, wanted, strict=True))
        item, found = self.description["paths"][self.path], {}
        for part in (*item.get("parameters", ()), *self.whole.get("parameters", ())):
            each = resolved(part, self.description)
            name = {"path": names.get(each["name"]), "header": each["name"].lower()}.get(each["in"])
            found[f"{each['in']} {name or each['name']}"] = each
        return found

    def headers(self, part: str, like: str = "") -> Named:
        """Of a response; `like` is the part to name in their places."""
        found = self.parts[part].get("headers", {}).items()
        place = f"{like or part} header"
        return {f"{place} {name.lower()}": resolved(each, self.description) for name, each in found}

    @property
    def security(self) -> list[set[str]]:
        """Each alternative: what has to be sent, `header authorization bearer`, and its scopes."""
        schemes = self.description.get("components", {}).get("securitySchemes", {})
        return [
            {
                f"{_credential(schemes[name])} {scope}".strip()
                for name in each
                for scope in ("", *each[name])
            }
            for each in self.whole.get("security", self.description.get("security")) or [{}]
        ]


def alternatives(schema: Any, description: Mapping[str, Any]) -> Iterator[Schema]:
    """One schema for each type, without `$ref`, `allOf`, `anyOf`, `oneOf` and `const`."""
    if isinstance(schema, bool):
        schema = {} if schema else {"not": {}}
    whole = resolved(schema, description)
    bases = [{key: whole[key] for key in whole if key not in ("allOf", "anyOf", "oneOf")}]
    groups = [[each] for each in whole.get("allOf", ())]
    groups += [whole[name] for name in ("anyOf", "oneOf") if name in whole]
    for group in groups:
        variants = [each for part in group for each in alternatives(part, description)]
        bases = [_both(base, each) for base in bases for each in variants]
    for base in bases:
        if "const" in base:
            base["enum"] = [base.pop("const")]
        types = base.get("type") or _types_of(base)
        yield from (_of_type(base, each) for each in ([types] if isinstance(types, str) else types))


def resolved(part: Any, description: Mapping[str, Any]) -> Any:
    """A schema, parameter, response or body without its `$ref`."""
    while "$ref" in part:
        target: Any = description
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name.replace("~1", "/").replace("~0", "~")]
        part = {**target, **{key: part[key] for key in part if key != "$ref"}}
    return part


def _both(one: Schema, other: Schema) -> dict[str, Any]:
    """A schema that requires both."""
    both = {**one, **{key: other[key] for key in other if (key, other[key]) != ("type", "any")}}
    common = _MERGED.keys() & one.keys() & other.keys()
    return both | {key: _MERGED[key](one[key], other[key]) for key in common}


def _types_of(schema: Schema) -> list[str]:
    """Of a schema that doesn't name its type."""
    values = {JSON_TYPES[type(each)] for each in schema.get("enum", ())}
    containers = [TYPE_OF[key] for key in schema if TYPE_OF.get(key) in ("object", "array")]
    return sorted(values) or containers[:1] or ["any"]


def _of_type(schema: Schema, name: str) -> Schema:
    if name in ("any", "null"):
        return {**(schema if name == "any" else {}), "type": name}
    kinds = {"number", "integer"} if name in ("number", "integer") else {name}
    own = {key: schema[key] for key in schema if TYPE_OF.get(key, name) in kinds}
    if "enum" in own:
        own["enum"] = [each for each in own["enum"] if JSON_TYPES[type(each)] in kinds]
    return own | {"type": name}


def _credential(scheme: Mapping[str, Any]) -> str:
    if scheme["type"] == "apiKey":
        return f"{scheme['in']} {scheme['name'].lower()}"
    return f"header authorization {scheme.get('scheme', 'bearer')}"
