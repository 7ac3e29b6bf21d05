"""Which of the provider's interactions a test is run for."""

from typing import Protocol

import pytest

from contracts.pacts import Contracts, Interaction
from contracts.provider.canaries import canaries


class Verify(Protocol):
    """What the fixtures `verify` and `verify_canary` are."""

    async def __call__(self, interaction: Interaction) -> None: ...


def each_interaction(contracts: Contracts, *, provider: str) -> pytest.MarkDecorator:
    """Run the test for each of the provider's interactions, with the argument `interaction`.

    Without a consumer it is skipped. `contracts check` fails if a service declares that it consumes
    this one, and nothing is verified.
    """
    return pytest.mark.interactions(contracts, provider, _all)


def first_interactions(contracts: Contracts, *, provider: str) -> pytest.MarkDecorator:
    """Like `each_interaction`, for broken copies of one interaction of each consumer and kind."""
    return pytest.mark.interactions(contracts, provider, _broken)


def _all(interactions: list[Interaction]) -> list[Interaction]:
    return interactions


def _broken(interactions: list[Interaction]) -> list[Interaction]:
    return list(canaries(interactions))
