"""What the other services need of this one, and whether it keeps that."""

import pytest

from service_testing.contracts.fixtures import HoldsTo, each_interaction, first_interactions
from service_testing.contracts.pact_files import Interaction
from service_testing.contracts.states import check_states
from tests.contract.states import CONTRACTS, ItemsStates

PROVIDER = "items"
pytestmark = pytest.mark.committed  # the read sessions are the real ones only then


@each_interaction(CONTRACTS, provider=PROVIDER)
async def test_interaction_is_kept(interaction: Interaction, keeps: HoldsTo) -> None:
    await keeps(interaction)


@first_interactions(CONTRACTS, provider=PROVIDER)
async def test_interaction_that_is_broken_is_noticed(
    interaction: Interaction, notices_a_broken: HoldsTo
) -> None:
    await notices_a_broken(interaction)


def test_states_are_those_that_are_listed_and_used() -> None:
    check_states(ItemsStates, CONTRACTS, PROVIDER)
