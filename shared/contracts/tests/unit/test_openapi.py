"""Recorded interactions against an OpenAPI description, and what a change of it breaks."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from contracts.openapi.changes import breaking_changes
from contracts.openapi.conformance import violations
from contracts.pacts import Interaction

HAT = {
    "type": "object",
    "required": ["size", "label"],
    "properties": {
        "size": {"type": "integer"},
        "label": {"type": "string", "maxLength": 5},
        "within": {"anyOf": [{"$ref": "#/components/schemas/Hat"}, {"type": "null"}]},
    },
}
JSON_HAT = {"application/json": {"schema": {"$ref": "#/components/schemas/Hat"}}}
JSON_HATS = {
    "application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Hat"}}}
}
SHOP: dict[str, Any] = {
    "paths": {
        "/hats/{hat_id}": {
            "get": {"responses": {"200": {"content": JSON_HAT}, "404": {}}},
        },
        "/hats/": {
            "get": {
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 10}}
                ],
                "responses": {"200": {"content": JSON_HATS}},
            },
            "post": {
                "requestBody": {"required": True, "content": JSON_HAT},
                "responses": {"201": {}, "422": {}},
            },
        },
        "/orders/": {
            "post": {
                "requestBody": {
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "schema": {
                                "required": ["label"],
                                "properties": {"label": {"type": "string", "maxLength": 5}},
                            }
                        }
                    }
                },
                "responses": {"201": {}},
            },
        },
    },
    "components": {"schemas": {"Hat": HAT}},
}


def body(content: Any, content_type: str = "application/json") -> dict[str, Any]:
    return {"content": content, "contentType": content_type, "encoded": False}


def interaction(
    method: str = "GET", path: str = "/hats/7", status: int = 200, **parts: Any
) -> Interaction:
    request: dict[str, Any] = {"method": method, "path": path}
    request |= {name: parts[name] for name in ("query",) if name in parts}
    if "sent" in parts:
        request["body"] = body(parts["sent"])
    if "form" in parts:
        request["body"] = body(parts["form"], "application/x-www-form-urlencoded")
    response: dict[str, Any] = {"status": status}
    if "read" in parts:
        response["body"] = body(parts["read"])
    document = {
        "description": "a hat",
        "type": "Synchronous/HTTP",
        "comments": {"testname": "t.py::test"},
        "request": request,
        "response": response,
    }
    return Interaction("hatter", "shop", document)


ONE = interaction(read={"size": 3, "within": {"size": 4}})
ALL = interaction(path="/hats/", read=[{"label": "top"}], query={"limit": ["5"]})
NEW = interaction("POST", "/hats/", 201, sent={"size": 3, "label": "top"})


class TestViolations:
    @pytest.mark.parametrize(
        "described",
        [
            *(ONE, ALL, NEW, interaction(status=404)),
            interaction("POST", "/orders/", 201, form="label=top&gift=1"),
            interaction("POST", "/hats/", 422, sent={"size": "wrong on purpose"}),
            Interaction("hatter", "shop", {"type": "Asynchronous/Messages"}),
        ],
        ids=["one", "all", "new", "no hat", "form", "refused", "message"],
    )
    def test_described_interaction_has_no_violations(self, described: Interaction) -> None:
        assert list(violations(described, SHOP)) == []

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            (interaction(path="/caps/7"), "GET /caps/7 is not described"),
            (interaction("PUT"), "PUT /hats/7 is not described"),
            (interaction(status=410), "GET /hats/7 is not described with status 410"),
            (interaction(read={"size": "3"}), "response at size: "),
            (interaction(read={"colour": "red"}), "response: Additional properties"),
            (interaction(read={"within": {"colour": 1}}), "response at within: "),
            (
                interaction(status=404, read={}),
                "is not described with a response of type application/json",
            ),
            (
                interaction(path="/hats/", query={"page": ["1"]}),
                "parameter `page` is not described",
            ),
            (interaction(path="/hats/", query={"limit": ["11"]}), "parameter `limit`: 11 is"),
            (interaction("POST", "/hats/", 201), "a body is required"),
            (
                interaction("POST", "/hats/", 201, sent={"size": 3}),
                'request: "label" is a required',
            ),
            (
                interaction("POST", "/orders/", 201, form="gift=1"),
                'request: "label" is a required',
            ),
            (
                interaction("POST", "/orders/", 201, form="label=top&label=bowler"),
                'request at label: "bowler" is longer',
            ),
            (interaction(sent={}), "a body of type application/json is not described"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_violation_is_named(self, wrong: Interaction, message: str) -> None:
        (found,) = violations(wrong, SHOP)
        assert message in found


def changed(change: Callable[[Any], object]) -> dict[str, Any]:
    new = deepcopy(SHOP)
    change(new)
    return new


def hat(new: Any) -> Any:
    return new["components"]["schemas"]["Hat"]


class TestBreakingChanges:
    @pytest.mark.parametrize(
        "harmless",
        [
            lambda new: hat(new)["properties"].update(colour={"type": "string"}),
            lambda new: new["paths"].update({"/caps/": {}}),
            lambda new: new["paths"]["/hats/"]["get"]["responses"].update({"404": {}}),
            lambda new: new["paths"]["/hats/"]["get"]["parameters"].append(
                {"name": "page", "in": "query", "schema": {"type": "integer"}}
            ),
        ],
        ids=["field", "path", "status", "parameter"],
    )
    def test_addition_is_not_a_breaking_change(self, harmless: Callable[[Any], object]) -> None:
        assert breaking_changes(SHOP, changed(harmless), [ONE, ALL, NEW]) == []

    @pytest.mark.parametrize(
        ("narrow", "wide"),
        [
            ({"type": "integer"}, {"type": "number"}),
            ({"type": "integer"}, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
            ({"type": "string", "pattern": "^a$"}, {"type": "string"}),
            ({"type": "string", "format": "date-time"}, {"type": "string"}),
            ({"enum": ["small"]}, {"enum": ["small", "large"]}),
            ({"type": "string"}, {}),
        ],
        ids=["number", "null", "pattern", "format", "enum", "anything"],
    )
    def test_wider_response_and_narrower_request_are_breaking(
        self, narrow: dict[str, Any], wide: dict[str, Any]
    ) -> None:
        def with_size(schema: dict[str, Any]) -> dict[str, Any]:
            return changed(lambda new: hat(new)["properties"].update(size=schema))

        def places(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
            found = breaking_changes(with_size(old), with_size(new), [])
            return {f"{each.method} {each.place}" for each in found}

        assert places(narrow, wide) == {"get 200 $.size", "get 200 $[].size"}
        assert places(wide, narrow) == {"post request $.size"}

    def test_breaking_change_names_its_consumers(self) -> None:
        new = changed(lambda new: hat(new)["properties"].pop("size"))
        found = [str(each) for each in breaking_changes(SHOP, new, [ONE, ALL])]
        assert "GET /hats/{hat_id} 200 $.size: removed; breaks hatter: a hat, t.py::test" in found
        assert "GET /hats/ 200 $[].size: removed; used by no consumer" in found

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda new: new["paths"].pop("/hats/"), "GET /hats/: removed"),
            (lambda new: new["paths"]["/hats/"].pop("post"), "POST /hats/: removed"),
            (
                lambda new: new["paths"]["/hats/{hat_id}"]["get"]["responses"].pop("404"),
                "GET /hats/{hat_id} 404: removed",
            ),
            (
                lambda new: hat(new)["properties"]["size"].update(type="string"),
                'GET /hats/{hat_id} 200 $.size: changed from {"type": ["integer"]} to {"type": ["string"]}',
            ),
            (
                lambda new: hat(new)["required"].remove("label"),
                "GET /hats/ 200 $[].label: no longer required",
            ),
            (
                lambda new: hat(new)["required"].append("within"),
                "POST /hats/ request $.within: now required",
            ),
            (
                lambda new: hat(new)["properties"].pop("label"),
                "POST /hats/ request $.label: removed",
            ),
            (
                lambda new: new["paths"]["/hats/"]["get"]["parameters"].clear(),
                "GET /hats/ query limit: removed",
            ),
            (
                lambda new: new["paths"]["/hats/"]["get"]["parameters"][0].update(required=True),
                "GET /hats/ query limit: now required",
            ),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_breaking_change_is_named(self, change: Callable[[Any], object], message: str) -> None:
        found = breaking_changes(SHOP, changed(change), [])
        assert f"{message}; used by no consumer" in [str(each) for each in found]
