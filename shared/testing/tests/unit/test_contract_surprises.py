"""What a description allows an answer to be is something that an interaction shows."""

from typing import Any

import pytest

from service_testing.contracts.pact_files import Interaction
from service_testing.contracts.surprises import surprises

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
    return [f"{each}: {text}" for each, text in surprises(interactions, description)]


def test_surprises_are_none_when_each_kind_of_value_is_shown() -> None:
    assert found(BOTH, shop()) == []


def test_surprises_are_none_in_what_nobody_reads() -> None:
    assert found([hat("a size", {"size": 1})], shop()) == []


def test_surprises_of_one_consumer_are_not_shown_by_another_s_interaction() -> None:
    other = hat("another's hat without a label", {"label": None}, consumer="milliner")
    assert [(str(each), text[:50]) for each, text in surprises([BOTH[0], other], shop())] == [
        ("hatter: a hat", "answer at $.label: by the description it may be nu"),
        (
            "milliner: another's hat without a label",
            "answer at $.label: by the description it may be st",
        ),
    ]


def test_surprises_are_messages_never() -> None:
    message = Interaction("hatter", "shop", {"description": "x", "type": "Asynchronous/Messages"})
    assert found([message], shop()) == []


@pytest.mark.parametrize(
    ("hat_", "band", "surprise"),
    [
        (
            {**HAT, "required": ["label", "band"]},
            BAND,
            "$.size: by the description it may be absent",
        ),
        (HAT, {**BAND, "required": []}, "$.band.colour: by the description it may be absent"),
        (
            hat_with(size={"type": "number"}),
            BAND,
            "$.size: by the description it may be number, and no interaction shows that",
        ),
        (
            hat_with(size={"anyOf": [{"type": "string"}, {"type": "number"}]}),
            BAND,
            "$.size: by the description it may be number or string, and no interaction shows that",
        ),
        (
            hat_with(band={"anyOf": [{"$ref": "#/components/schemas/Band"}, {"type": "null"}]}),
            BAND,
            "$.band: by the description it may be null, and no interaction shows that",
        ),
    ],
    ids=["absent", "absent-inside", "number", "number-or-text", "nullable-object"],
)
def test_surprises_are_named(hat_: dict[str, Any], band: dict[str, Any], surprise: str) -> None:
    assert f"hatter: a hat: answer at {surprise}" in found(BOTH, shop(hat_, band))
