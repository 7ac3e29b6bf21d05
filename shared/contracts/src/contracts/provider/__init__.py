"""What a provider's contract tests use, with the fixtures `verify` and `verify_canary`."""

from contracts.pacts import Contracts, Interaction
from contracts.provider.marks import Verify, each_interaction, first_interactions
from contracts.provider.states import (
    Message,
    ProviderStates,
    Secrets,
    message_producer,
    state_handler,
)

__all__ = [
    "Contracts",
    "Interaction",
    "Message",
    "ProviderStates",
    "Secrets",
    "Verify",
    "each_interaction",
    "first_interactions",
    "message_producer",
    "state_handler",
]
