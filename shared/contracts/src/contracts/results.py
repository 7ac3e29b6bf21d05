"""The result of each verification, one file each, and whether they are all there."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from pydantic import TypeAdapter

from contracts.errors import ContractError
from contracts.pacts import FIX, Contracts, Interaction


@dataclass(frozen=True)
class Result:
    """The result of one interaction, with its document at that time."""

    interaction: Interaction
    reason: str
    """Why the verification failed; empty if it passed."""
    seconds: float
    finished_at: datetime
    is_canary: bool = False
    """Whether it is a broken copy, which passes if it is rejected."""

    @property
    def is_verified(self) -> bool:
        return not self.reason


_CAUSE = re.compile("^(?:  differs|  undeclared|E) +(.*)$", re.MULTILINE)
_PLACE = re.compile(r"\$\S*: |[A-Z]+ /\S*")
"""What differs between failures with the same cause."""
_RESULT = TypeAdapter(Result)


def write_result(
    folder: Path, interaction: Interaction, *, reason: str, seconds: float, is_canary: bool
) -> None:
    """Write it with the present time."""
    folder.mkdir(parents=True, exist_ok=True)
    result = Result(interaction, reason, seconds, datetime.now(UTC), is_canary)
    (folder / f"{uuid4().hex}.json").write_bytes(_RESULT.dump_json(result))


def read_results(folder: Path) -> list[Result]:
    """The results in the order of their times."""
    results = [_RESULT.validate_json(path.read_bytes()) for path in folder.glob("*.json")]
    return sorted(results, key=lambda each: each.finished_at)


def count(contracts: Contracts, results: Collection[Result], provider: str) -> str:
    """A sentence with the figures: no interaction was skipped, deselected or lost.

    Raises:
        ContractError: there is no interaction, one was not verified, or no canary ran.
    """
    interactions = contracts.interactions(provider=provider)
    if not interactions:
        raise ContractError(
            f"{contracts.pacts} has no interaction with the provider `{provider}`. Nothing would be verified. {FIX}"
        )
    verified = {each.interaction.key for each in results if each.is_verified and not each.is_canary}
    if missing := sorted({each.key for each in interactions} - verified):
        listed = "\n".join(f"  {' -> '.join(each[:2])}: {each[2]}" for each in missing)
        raise ContractError(
            f"{len(missing)} of {len(interactions)} interactions were not verified:\n{listed}\n"
            f"The tests of {provider} need one with @each_interaction, which nothing skips."
        )
    if not any(each.is_canary and each.is_verified for each in results):
        raise ContractError(
            f"No canary ran for {provider}: its provider tests need one with @first_interactions."
        )
    elsewhere = sum(each.is_external for each in interactions)
    of_which = f", {elsewhere} of them of consumers elsewhere" if elsewhere else ""
    total = len(interactions)
    return f"{provider}: {total} of {total} interactions verified{of_which}."


def grouped(failures: Iterable[tuple[str, str]]) -> str:
    """Names and reasons of what failed: in full once for each cause, then by name."""
    alike: dict[frozenset[str], list[tuple[str, str]]] = {}
    for name, reason in failures:
        causes = _CAUSE.findall(reason) or [reason]
        cause = frozenset(_PLACE.sub("", part) for each in causes for part in each.split("; "))
        alike.setdefault(cause, []).append((name, reason))
    blocks = []
    for (first, reason), *others in alike.values():
        more = "; ".join(dict.fromkeys(name for name, _ in others if name != first))
        blocks.append(f"{reason}\n  the same   {more}" if more else reason)
    return "\n\n".join(blocks)
