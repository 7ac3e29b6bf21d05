"""OpenAPI and AsyncAPI: interactions conform to the descriptions, and no change breaks a consumer."""

from collections.abc import Collection, Mapping

from contracts.errors import ContractError
from contracts.gate.deployed import Deployments
from contracts.gate.readers import deprecated_uses
from contracts.gate.workspace import Workspace
from contracts.openapi.changes import breaking_changes
from contracts.openapi.conformance import Description, violations
from contracts.openapi.events import event_changes, event_violations
from contracts.openapi.variants import undocumented_variants
from contracts.pacts import Interaction


def check_conformance(
    workspace: Workspace,
    descriptions: Mapping[str, Description],
    events: Mapping[str, Description],
    broken: Collection[Interaction] = (),
) -> str:
    """A sentence with the figures. `broken` is what fails anyway.

    Raises:
        ContractError: a recorded request or response is invalid under its provider's description.
    """
    checked = 0
    found: list[str] = []
    interactions = workspace.contracts.every_interaction()
    intact = [each for each in interactions if each not in broken]
    for each in interactions:
        if each.provider not in descriptions:
            raise ContractError(f"`{each}` in {each.file_name}: unknown provider {each.provider}.")
        checked += not each.is_message
        different = [*violations(each, descriptions[each.provider])]
        if each.provider in events:
            different += event_violations(each, events[each.provider])
        found += [f"`{each}` ({each.test}): {one}." for one in different if each in intact]
    for service, description in descriptions.items():
        # A consumer elsewhere can't be changed here.
        of_service = [
            each for each in interactions if each.provider == service and not each.is_external
        ]
        found += [
            f"`{each}` ({each.test}): {variant}."
            for each, variant in undocumented_variants(of_service, description)
            if each in intact
        ]
    if found:
        raise ContractError(
            "\n".join(found) + "\nCorrect the consumer's expectation or the provider's description."
        )
    return f"{checked} requests and responses conform to the OpenAPI descriptions."


def report_changes(
    workspace: Workspace,
    deployments: Deployments,
    descriptions: Mapping[str, Description],
    events: Mapping[str, Description],
    broken: Collection[Interaction] = (),
) -> str:
    """The breaking changes since the deployed descriptions and who uses what is deprecated, one line each.

    Raises:
        ContractError: a change breaks a consumer, one begins to use what is deprecated, or it is
            unknown what is deployed.
    """
    lines, problems = [], []
    for service, new in descriptions.items():
        old, version = deployments.description(service), deployments.revision_of(service)
        interactions = [
            each for each in workspace.contracts.every_interaction() if each.provider == service
        ]
        changes = list(breaking_changes(old, new, interactions)) if old else []
        changes += event_changes(deployments.events(service), events.get(service), interactions)
        for change in (each for each in changes if each.used_by):
            is_known = all(each in broken for each in change.used_by)
            told = f"{change.what}; breaks the interactions above" if is_known else change
            problems.append(f"{service}: {told}")
        lines += [f"{service}: {change}" for change in changes if not change.used_by]
        if not changes:
            compared = "no breaking change" if old else "there is no description to compare with"
            lines.append(f"{service}: {compared}; {version}.")
        still, begun = deprecated_uses(workspace, deployments, service, new)
        lines += still
        problems += begun
    if problems:
        problems.append("Keep the old version until no deployed consumer uses it.")
        raise ContractError("\n".join([*problems, *lines]))
    return "\n".join(lines)
