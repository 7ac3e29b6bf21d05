"""Provider verification of the users service."""

import pytest

from contracts.provider import (
    Interaction,
    Verify,
    each_interaction,
    first_interactions,
)
from tests.contract.states import CONTRACTS

PROVIDER = "users"
pytestmark = pytest.mark.committed  # only then are the read sessions the real ones


@each_interaction(CONTRACTS, provider=PROVIDER)
async def test_interaction_is_verified(interaction: Interaction, verify: Verify) -> None:
    await verify(interaction)


@first_interactions(CONTRACTS, provider=PROVIDER)
async def test_canary_is_rejected(interaction: Interaction, verify_canary: Verify) -> None:
    await verify_canary(interaction)
