"""Broken copies of interactions, which every provider must fail: they prove that the verifier compares."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from contracts.pacts import Interaction
from contracts.schemas import SCHEMA


def canaries(interactions: list[Interaction]) -> Iterator[Interaction]:
    """For each consumer and kind: one with a wrong body, status and schema of the model."""
    first: dict[tuple[str, bool], Interaction] = {}
    for each in sorted(interactions, key=lambda each: each.schema is None):
        first.setdefault((each.consumer, each.is_message), each)
    for each in first.values():
        yield _copy(each, _break_body)
        if not each.is_message:
            yield _copy(each, lambda document: document["response"].update(status=418))
        if each.schema is not None:
            yield _copy(each, lambda document: document["comments"].update({SCHEMA: False}))


def _copy(interaction: Interaction, break_part: Callable[[dict[str, Any]], Any]) -> Interaction:
    document = copy.deepcopy(dict(interaction.document))
    break_part(document)
    return Interaction(interaction.consumer, interaction.provider, document)


def _break_body(document: dict[str, Any]) -> None:
    part = document.get("response", document)
    name = "body" if "response" in document else "contents"
    content = part.setdefault(name, {"contentType": "application/json", "encoded": False})
    content["content"] = {"canary": "dead"}
    part.get("matchingRules", {}).pop("body", None)
    document.get("comments", {}).pop(SCHEMA, None)
