"""Recorded interactions against an OpenAPI description."""

from typing import Any

import pytest

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
            (interaction(read={"size": "3"}), "response at $.size: "),
            (interaction(read={"colour": "red"}), "response at $: Additional properties"),
            (interaction(read={"within": {"colour": 1}}), "response at $.within: "),
            (
                interaction(status=404, read={}),
                "is not described with a response of type application/json",
            ),
            (
                interaction(path="/hats/", query={"page": ["1"]}),
                "parameter `page` is not described",
            ),
            (interaction(path="/hats/", query={"limit": ["11"]}), "parameter `limit` at $: 11 is"),
            (interaction("POST", "/hats/", 201), "a body is required"),
            (
                interaction("POST", "/hats/", 201, sent={"size": 3}),
                'request at $: "label" is a required',
            ),
            (
                interaction("POST", "/orders/", 201, form="gift=1"),
                'request at $: "label" is a required',
            ),
            (
                interaction("POST", "/orders/", 201, form="label=top&label=bowler"),
                'request at $.label: "bowler" is longer',
            ),
            (interaction(sent={}), "a body of type application/json is not described"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_violation_is_named(self, wrong: Interaction, message: str) -> None:
        (found,) = violations(wrong, SHOP)
        assert message in found
