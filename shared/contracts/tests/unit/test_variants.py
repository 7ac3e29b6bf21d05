"""Each variant that a description allows is covered by an interaction."""

from typing import Any

import pytest

from contracts.openapi.variants import undocumented_variants
from contracts.pacts import Interaction

UNCOVERED = ", and no interaction covers that"
HAT: dict[str, Any] = {
    "type": "object",
    "required": ["size", "label", "band"],
    "properties": {
        "size": {"type": "integer"},
        "label": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "band": {"$ref": "#/components/schemas/Band"},
        "worn": {"type": "boolean"},
    },
}
BAND = {"type": "object", "required": ["colour"], "properties": {"colour": {"type": "string"}}}


def hat_with(**properties: Any) -> dict[str, Any]:
    return {**HAT, "properties": {**HAT["properties"], **properties}}


def shop(hat: dict[str, Any] = HAT, band: dict[str, Any] = BAND) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Hat"}}}
    return {
        "paths": {"/hats/{hat_id}": {"get": {"responses": {"200": {"content": content}}}}},
        "components": {"schemas": {"Hat": hat, "Band": band}},
    }


def hat(name: str, content: Any, *, consumer: str = "hatter") -> Interaction:
    response = {"status": 200, "body": {"content": content, "contentType": "application/json"}}
    document = {
        "description": name,
        "type": "Synchronous/HTTP",
        "request": {"method": "GET", "path": "/hats/1"},
        "response": response,
    }
    return Interaction(consumer, "shop", document)


BOTH = [
    hat("a hat", {"size": 1, "label": "big", "band": {"colour": "red"}}),
    hat("a hat without a label", {"label": None}),
]


def found(interactions: list[Interaction], description: dict[str, Any]) -> list[str]:
    return [f"{each}: {text}" for each, text in undocumented_variants(interactions, description)]


def test_variants_are_none_in_what_nobody_reads() -> None:
    assert found([hat("a size", {"size": 1})], shop()) == []


def test_interaction_of_another_consumer_does_not_cover_a_variant() -> None:
    other = hat("another's hat without a label", {"label": None}, consumer="milliner")
    assert found([BOTH[0], other], shop()) == [
        f"hatter: a hat: response at $.label: the description allows null{UNCOVERED}",
        f"{other}: response at $.label: the description allows string{UNCOVERED}",
    ]


@pytest.mark.parametrize(
    ("hat_", "band", "variant"),
    [
        (
            {**HAT, "required": ["label", "band"]},
            BAND,
            "$.size: the description allows it to be absent",
        ),
        (HAT, {**BAND, "required": []}, "$.band.colour: the description allows it to be absent"),
        (
            hat_with(size={"type": "number"}),
            BAND,
            "$.size: the description allows number, and no interaction covers that",
        ),
        (
            hat_with(size={"anyOf": [{"type": "string"}, {"type": "number"}]}),
            BAND,
            "$.size: the description allows number or string, and no interaction covers that",
        ),
        (
            hat_with(band={"anyOf": [{"$ref": "#/components/schemas/Band"}, {"type": "null"}]}),
            BAND,
            "$.band: the description allows null, and no interaction covers that",
        ),
    ],
    ids=["absent", "absent-inside", "number", "number-or-text", "nullable-object"],
)
def test_variants_are_named(hat_: dict[str, Any], band: dict[str, Any], variant: str) -> None:
    assert f"hatter: a hat: response at {variant}" in found(BOTH, shop(hat_, band))
