"""Which of the provider's interactions a test is run for, and the broken copies for its canaries."""

import copy
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest

from contracts.pacts import Contracts, Interaction
from contracts.schemas import SCHEMA


class Verify(Protocol):
    """What the fixtures `verify` and `verify_canary` are."""

    async def __call__(self, interaction: Interaction) -> None: ...


def each_interaction(contracts: Contracts, *, provider: str) -> pytest.MarkDecorator:
    """Run the test for each of the provider's interactions, with the argument `interaction`.

    Without a consumer it is skipped. `contracts check` fails if a service declares that it consumes
    this one, and nothing is verified.
    """
    return pytest.mark.interactions(contracts, provider, list)


def first_interactions(contracts: Contracts, *, provider: str) -> pytest.MarkDecorator:
    """Like `each_interaction`, for broken copies of one interaction of each consumer and kind.

    The provider must fail them: they prove that the verification compares.
    """
    return pytest.mark.interactions(contracts, provider, canaries)


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
