"""OpenAPI: interactions conform to the descriptions, and no change breaks a consumer."""

import json

from contracts.errors import ContractError
from contracts.gate.deployed import Deployments
from contracts.gate.workspace import Workspace
from contracts.openapi.changes import breaking_changes
from contracts.openapi.conformance import Description, violations
from contracts.openapi.variants import undocumented_variants
from contracts.pacts import FIX


def check_conformance(workspace: Workspace) -> str:
    """A sentence with the figures.

    Raises:
        ContractError: a recorded request or response is invalid under its provider's description.
    """
    descriptions = {name: _committed(workspace, name) for name in workspace.participants}
    checked = 0
    found: list[str] = []
    interactions = workspace.contracts.every_interaction()
    for each in interactions:
        if each.provider not in descriptions:
            raise ContractError(f"`{each}` in {each.file_name}: unknown provider {each.provider}.")
        checked += not each.is_message
        found += [
            f"`{each}` ({each.test}): {violation}."
            for violation in violations(each, descriptions[each.provider])
        ]
    for service, description in descriptions.items():
        # A consumer elsewhere can't be changed here.
        of_service = [
            each for each in interactions if each.provider == service and not each.is_external
        ]
        found += [
            f"`{each}` ({each.test}): {variant}."
            for each, variant in undocumented_variants(of_service, description)
        ]
    if found:
        raise ContractError(
            "\n".join(found) + "\nCorrect the consumer's expectation or the provider's description."
        )
    return f"{checked} requests and responses conform to the OpenAPI descriptions."


def report_changes(workspace: Workspace) -> str:
    """The breaking changes since the deployed descriptions, one line each.

    Raises:
        ContractError: a change breaks a consumer, or it is unknown what is deployed.
    """
    deployments = Deployments(workspace)
    lines, is_broken = [], False
    for service in workspace.participants:
        version = deployments.revision_of(service)
        old = deployments.description(service)
        if old is None:
            lines.append(f"{version} It has no description, so nothing is compared.")
            continue
        found = workspace.contracts.every_interaction()
        interactions = [each for each in found if each.provider == service]
        changes = breaking_changes(old, _committed(workspace, service), interactions)
        is_broken = is_broken or any(each.used_by for each in changes)
        lines += [f"{service}: {change}" for change in changes]
        if not changes:
            lines.append(f"{service}: no breaking change. {version}")
    if is_broken:
        lines.append("Keep the old version until no deployed consumer uses it.")
        raise ContractError("\n".join(lines))
    return "\n".join(lines)


def _committed(workspace: Workspace, service: str) -> Description:
    path = workspace.descriptions / f"{service}.json"
    if not path.is_file():
        raise ContractError(f"{path} is missing. {FIX}")
    found: Description = json.loads(path.read_text(encoding="utf-8"))
    return found
