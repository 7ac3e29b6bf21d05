"""Counts what was verified: no interaction was skipped, deselected or lost."""

from collections.abc import Iterable
from pathlib import Path

from contracts.errors import ContractError
from contracts.pacts import FIX, Contracts, Interaction, read_all


def count(contracts: Contracts, verified: Path, provider: str) -> str:
    """A sentence with the figures; `verified` is what `--contracts-verified` wrote.

    Raises:
        ContractError: there is no interaction, one was not verified, or no canary ran.
    """
    interactions = contracts.interactions(provider=provider)
    committed = _names(interactions)
    if not committed:
        raise ContractError(
            f"{contracts.pacts} has no interaction with the provider `{provider}`. Nothing would be verified. {FIX}"
        )
    found = _names(read_all(verified / "verified"))
    if missing := sorted(committed - found):
        listed = "\n".join(f"  {' -> '.join(each[:2])}: {each[2]}" for each in missing)
        raise ContractError(
            f"{len(missing)} of {len(committed)} interactions were not verified:\n{listed}\n"
            f"The tests of {provider} need one with @each_interaction, which nothing skips."
        )
    if provider not in {each.provider for each in read_all(verified / "canaries")}:
        raise ContractError(
            f"No canary ran for {provider}: its provider tests need one with @first_interactions."
        )
    elsewhere = sum(each.is_external for each in interactions)
    of_which = f", {elsewhere} of them of consumers elsewhere" if elsewhere else ""
    return f"{provider}: {len(committed)} of {len(committed)} interactions verified{of_which}."


def _names(interactions: Iterable[Interaction]) -> set[tuple[str, str, str]]:
    return {(each.consumer, each.provider, each.description) for each in interactions}
