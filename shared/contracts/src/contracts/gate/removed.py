"""Interactions that are gone since the merge base, even if test and pact were deleted together.

If that is intended, the reason is in `contracts/removed.toml`, in a table for each pact, and may stay there:

    ["shop-catalog"]
    "an available book" = "the shop reads books from events now"
"""

import tomllib
from collections.abc import Iterator

from contracts.gate.deployed import Deployments
from contracts.gate.workspace import Workspace
from contracts.pacts import Interaction, canonical, external, parsed


def removed_interactions(
    workspace: Workspace, deployments: Deployments
) -> tuple[list[str], list[str]]:
    """A sentence for each interaction that is gone with a reason, and a message for each without."""
    base = deployments.merge_base
    if base is None:
        return ["This is the first commit, so no interaction can be gone."], []
    now, path = workspace.contracts.every_interaction(), workspace.contracts.folder / "removed.toml"
    reasons = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    kept = {key for each in now for key in (_name(each), _content(each))}
    explained, problems = [], []
    for each in interactions_at(workspace, base):
        if {_name(each), _content(each)} & kept:
            continue
        pair, description = _name(each)
        reason = reasons.get(pair, {}).get(description)
        gone = sorted({each.consumer, each.provider} - workspace.participants.keys())
        if gone and not each.is_external:
            reason = f"there is no service {gone[0]} any more"
        sentence = f"1 interaction fewer: {each.consumer} -> {each.provider}: `{description}`"
        if reason:
            explained.append(f"{sentence}: {reason}.")
        else:
            problems.append(
                f"{sentence}. It is no longer verified. Restore it, or write the reason to "
                f'{path}:\n  ["{pair}"]\n  "{description}" = "..."'
            )
    for pair, description in sorted(map(_name, now)):
        if description in reasons.get(pair, {}):
            problems.append(f"{path}: `{description}` of {pair} isn't removed. Delete its line.")
    return explained, problems


def interactions_at(workspace: Workspace, commit: str) -> Iterator[Interaction]:
    """The interactions of every pact at the commit."""
    deployments, contracts = Deployments(workspace), workspace.contracts
    for folder, read in ((contracts.pacts, parsed), (contracts.external, external)):
        listed = deployments.at(commit, folder) or ""
        for name in (each for each in listed.splitlines() if each.endswith(".json")):
            yield from read(folder / name, deployments.at(commit, folder / name) or "")


def _name(interaction: Interaction) -> tuple[str, str]:
    return interaction.file_name.removesuffix(".json"), interaction.description


def _content(interaction: Interaction) -> tuple[str, str]:
    """The same for an interaction with another description, of another test."""
    document = {
        key: each
        for key, each in interaction.document.items()
        if key not in ("description", "comments")
    }
    return interaction.file_name, canonical(document)
