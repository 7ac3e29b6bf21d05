"""Provider verification of the catalog."""

from pathlib import Path

from contracts.provider import (
    Contracts,
    Interaction,
    Verify,
    each_interaction,
    first_interactions,
)

CONTRACTS = Contracts(Path(__file__).parents[4] / "contracts")
PROVIDER = "catalog"


@each_interaction(CONTRACTS, provider=PROVIDER)
async def test_interaction_is_verified(interaction: Interaction, verify: Verify) -> None:
    await verify(interaction)


@first_interactions(CONTRACTS, provider=PROVIDER)
async def test_canary_is_rejected(interaction: Interaction, verify_canary: Verify) -> None:
    await verify_canary(interaction)
