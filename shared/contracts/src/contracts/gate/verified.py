"""Counts what was verified: no interaction was skipped, deselected or lost."""

from collections.abc import Iterable
from pathlib import Path

from contracts.errors import ContractError
from contracts.pacts import FIX, Interaction, read_all


def count(pacts: Path, verified: Path, provider: str) -> str:
    """A sentence with the figures; `verified` is what `--contracts-verified` wrote.

    Raises:
        ContractError: there is no interaction, one was not verified, or no canary ran.
    """
    committed = _names(each for each in read_all(pacts) if each.provider == provider)
    if not committed:
        raise ContractError(
            f"{pacts} has no interaction with the provider `{provider}`. Nothing would be verified. {FIX}"
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
    return f"{provider}: {len(committed)} of {len(committed)} interactions verified."


def _names(interactions: Iterable[Interaction]) -> set[tuple[str, str, str]]:
    return {(each.consumer, each.provider, each.description) for each in interactions}
