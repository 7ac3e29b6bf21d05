"""Breaking changes between two JSON Schemas (draft 2020-12), of requests or of responses.

Keywords that are not compared by their meaning, such as `format` and `pattern`, have to be equal.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
_TYPE_OF = {
    **dict.fromkeys(("maxLength", "minLength", "pattern"), "string"),
    **dict.fromkeys(("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum"), "number"),
    **dict.fromkeys(("maxItems", "minItems", "items", "prefixItems", "uniqueItems"), "array"),
    **dict.fromkeys(("maxProperties", "minProperties", "properties", "required"), "object"),
    "additionalProperties": "object",
    "multipleOf": "number",
}
"""Keywords that restrict values of one type only."""
_LIMITS = [each for each in _TYPE_OF if each.startswith(("max", "min"))]
_OTHER = {"type", "enum", "items", "properties", "required", "additionalProperties", *_LIMITS}
_OTHER |= {"exclusiveMaximum", "exclusiveMinimum", "title", "description", "default", "examples"}
_OTHER |= {"example", "deprecated", "discriminator", "readOnly", "writeOnly"}
_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
_JSON_TYPES |= {dict: "object", type(None): "null"}
_MAX_DEPTH = 50


@dataclass(frozen=True)
class Comparison:
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    """The descriptions, for references."""
    is_request: bool

    def breaking(
        self, old: Any, new: Any, path: str = "$", within: tuple[Any, ...] = ()
    ) -> Iterator[tuple[str, str]]:
        """The path of each value, such as `$.sizes[]`, and what changed."""
        within, around = (*within, (id(old), id(new))), within
        if within[-1] in around or len(within) > _MAX_DEPTH:  # a recursive schema
            return
        sides = [
            list(alternatives(*side, is_request=self.is_request))
            for side in ((old, self.old), (new, self.new))
        ]
        # What one side allows, the other has to accept: the new server, or the client of the old one.
        allowed, accepting = sides if self.is_request else sides[::-1]
        fitting = [[other for other in accepting if _fits(each, other)] for each in allowed]
        if not all(fitting):
            types = (" or ".join(sorted({each["type"] for each in side})) for side in sides)
            yield path, changed("type", *types)
        for each, others in zip(allowed, fitting, strict=True):
            pairs = [(each, other) if self.is_request else (other, each) for other in others]
            found = [list(self._of_pair(*pair, path, within)) for pair in pairs]
            yield from min(found, key=len, default=())

    def _of_pair(
        self, old: Schema, new: Schema, path: str, within: tuple[Any, ...]
    ) -> Iterator[tuple[str, str]]:
        allowed, accepting = (old, new) if self.is_request else (new, old)
        values, accepted = allowed.get("enum"), accepting.get("enum")
        if accepted and (values is None or any(each not in accepted for each in values)):
            yield path, changed("enum", old.get("enum"), new.get("enum"))
        for name in _LIMITS:
            limit, most = _limit(allowed, name), _limit(accepting, name)
            if most and (not limit or limit > most):
                yield path, changed(name, _limit_text(old, name), _limit_text(new, name))
        for name in sorted(accepting.keys() - _OTHER):
            if not name.startswith("x-") and accepting[name] not in (allowed.get(name), False):
                yield path, changed(name, old.get(name), new.get(name))
        if "items" in accepting:
            items = old.get("items", True), new.get("items", True)
            yield from self.breaking(*items, f"{path}[]", within)
        if old["type"] == new["type"] == "object":
            yield from self._of_objects(old, new, path, within)

    def _of_objects(
        self, old: Schema, new: Schema, path: str, within: tuple[Any, ...]
    ) -> Iterator[tuple[str, str]]:
        was, now = old.get("properties", {}), new.get("properties", {})
        for name in sorted(was):
            if name in now:
                yield from self.breaking(was[name], now[name], f"{path}.{name}", within)
            else:
                yield f"{path}.{name}", "removed"
        needed, need = {*old.get("required", ())}, {*new.get("required", ())}
        for name in sorted(need - needed if self.is_request else (needed - need) & now.keys()):
            has_default = "default" in resolved(now.get(name, {}), self.new)
            if not (self.is_request and has_default):
                yield f"{path}.{name}", "now required" if self.is_request else "no longer required"
        more = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if self.is_request and more[1] is False and more[0] is not False:
            yield f"{path}.*", "additional properties are no longer allowed"
        elif isinstance(more[self.is_request], Mapping) and False not in more:
            yield from self.breaking(*more, f"{path}.*", within)


def alternatives(
    schema: Any, description: Mapping[str, Any], *, is_request: bool
) -> Iterator[Schema]:
    """One schema for each type, without `$ref`, `allOf`, `anyOf`, `oneOf` and `const`."""
    if isinstance(schema, bool):
        schema = {} if schema else {"not": {}}
    whole = resolved(schema, description)
    bases = [{key: whole[key] for key in whole if key not in ("allOf", "anyOf", "oneOf")}]
    groups = [[each] for each in whole.get("allOf", ())]
    groups += [whole[name] for name in ("anyOf", "oneOf") if name in whole]
    for group in groups:
        variants = [
            each
            for part in group
            for each in alternatives(part, description, is_request=is_request)
        ]
        bases = [_both(base, each) for base in bases for each in variants]
    for base in bases:
        if "const" in base:
            base["enum"] = [base.pop("const")]
        flag, fields = "readOnly" if is_request else "writeOnly", base.get("properties", {})
        if unsent := {name for name in fields if resolved(fields[name], description).get(flag)}:
            base["properties"] = {each: fields[each] for each in fields if each not in unsent}
            base["required"] = {*base.get("required", ())} - unsent
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


def changed(what: str, *values: Any) -> str:
    values = tuple("none" if each is None else each for each in values)
    shown = [each if isinstance(each, str) else json.dumps(each) for each in values]
    return f"{what} changed from {' to '.join(shown)}"


def _both(one: Schema, other: Schema) -> dict[str, Any]:
    """A schema that requires both."""
    both = {**one, **{key: other[key] for key in other if (key, other[key]) != ("type", "any")}}
    if "properties" in one and "properties" in other:
        mine, its = one["properties"], other["properties"]
        common = {key: {"allOf": [mine[key], its[key]]} for key in mine.keys() & its.keys()}
        both["properties"] = mine | its | common
    if "required" in one and "required" in other:
        both["required"] = [*one["required"], *other["required"]]
    if "enum" in one and "enum" in other:
        both["enum"] = [each for each in one["enum"] if each in other["enum"]]
    return both


def _types_of(schema: Schema) -> list[str]:
    """Of a schema that doesn't name its type."""
    values = {_JSON_TYPES[type(each)] for each in schema.get("enum", ())}
    containers = [_TYPE_OF[key] for key in schema if _TYPE_OF.get(key) in ("object", "array")]
    return sorted(values) or containers[:1] or ["any"]


def _of_type(schema: Schema, name: str) -> Schema:
    kinds = {"number", "integer"} if name in ("number", "integer") else {name}
    if name == "any":
        return {**schema, "type": name}
    own = {key: schema[key] for key in schema if _TYPE_OF.get(key, name) in kinds}
    if "enum" in own:
        own["enum"] = [each for each in own["enum"] if _JSON_TYPES[type(each)] in kinds]
    return {"type": name} if name == "null" else own | {"type": name}


def _fits(schema: Schema, other: Schema) -> bool:
    number = "number" if schema["type"] == "integer" else schema["type"]
    return other["type"] in ("any", schema["type"], number)


def _limit(schema: Schema, name: str) -> tuple[float, bool] | None:
    """The limit, so that the stricter of two is less; and whether it is allowed itself."""
    sign = 1 if name.startswith("max") else -1
    limits = [(sign * schema[name], True)] if name in schema else []
    if (exclusive := schema.get(f"exclusive{name.capitalize()}")) is not None:
        is_whole = schema["type"] == "integer"
        limits.append((sign * exclusive - is_whole, is_whole))
    return min(limits, default=None)


def _limit_text(schema: Schema, name: str) -> str | None:
    if (limit := _limit(schema, name)) is None:
        return None
    return f"{'' if limit[1] else 'exclusive '}{limit[0] * (1 if name.startswith('max') else -1):g}"
