"""That everything committed was verified: no test was skipped, deselected or lost."""

from collections.abc import Collection, Iterable
from pathlib import Path

from contract_gate.services import PACTS, SERVICES, GateFailed
from service_testing.contracts.pact_files import MEND, Interaction, read_all


def count(verified: Path, asked: Collection[str] = SERVICES) -> str:
    """A sentence with the figures; `verified` is what `--contracts-verified` left of those asked.

    Raises:
        GateFailed: an interaction wasn't verified, or no canary ran for a provider.
    """
    kept = _names(read_all(verified / "kept"))
    # Those of an unknown provider are nobody's part, and count with all.
    elsewhere = set(SERVICES) - set(asked)
    committed = _names(each for each in read_all(PACTS) if each.provider not in elsewhere)
    if not committed:
        raise GateFailed(
            f"{PACTS} has no interaction with {', '.join(asked)}: nothing was verified. {MEND}"
        )
    if missing := sorted(committed - kept):
        listed = "\n".join(f"  {' -> '.join(each[:2])}: {each[2]}" for each in missing)
        raise GateFailed(
            f"{len(missing)} of {len(committed)} interactions were not verified:\n{listed}\n"
            "Each provider needs a test with @each_interaction (docs/contracts.md), and no skip."
        )
    providers = {each[1] for each in committed}
    if unchecked := providers - {each.provider for each in read_all(verified / "canaries")}:
        raise GateFailed(
            f"No canary ran for {', '.join(sorted(unchecked))}: its provider tests need one with "
            "@first_interactions (docs/contracts.md)."
        )
    return (
        f"{len(kept)} of {len(committed)} interactions are kept, by {len(providers)} "
        f"provider{'s' * (len(providers) > 1)}."
    )


def _names(interactions: Iterable[Interaction]) -> set[tuple[str, str, str]]:
    return {(each.consumer, each.provider, each.description) for each in interactions}
