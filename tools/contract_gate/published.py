"""The OpenAPI descriptions: that each pact fits, and what a change of one breaks."""

from contract_gate import deployed
from contract_gate.services import PACTS, SERVICES, GateFailed, committed_description
from service_testing.contracts.changes import breaking_changes
from service_testing.contracts.descriptions import violations
from service_testing.contracts.pact_files import read_all
from service_testing.contracts.surprises import surprises


def check_fit() -> str:
    """A sentence with the figures.

    Raises:
        GateFailed: a recorded request or answer isn't as its provider describes it.
    """
    descriptions = {service: committed_description(service) for service in SERVICES}
    checked = 0
    found: list[str] = []
    for each in read_all(PACTS):
        if each.provider not in descriptions:
            raise GateFailed(f"`{each}` in {each.file_name}: there is no service {each.provider}.")
        checked += not each.is_message
        found += [
            f"`{each}` ({each.test}): {violation}."
            for violation in violations(each, descriptions[each.provider])
        ]
    for service, description in descriptions.items():
        of_service = [each for each in read_all(PACTS) if each.provider == service]
        found += [
            f"`{each}` ({each.test}): {surprise}."
            for each, surprise in surprises(of_service, description)
        ]
    if found:
        raise GateFailed(
            "\n".join(found)
            + "\nMend the consumer's expectation, or what the provider says of itself."
        )
    return f"{checked} requests and answers are as described in contracts/openapi."


def report_changes() -> str:
    """What each description breaks of the deployed one, a line each.

    Raises:
        GateFailed: of what a consumer uses; or it isn't known what is deployed.
    """
    lines, is_broken = [], False
    for service in SERVICES:
        if not deployed.is_deployed(service):
            lines.append(f"{service}: bootstrap, nothing is deployed yet that could be broken.")
            continue
        old = deployed.deployed_description(service)
        if old is None:
            lines.append(f"{service}: {deployed.tag_of(service)} has no description to compare.")
            continue
        interactions = [each for each in read_all(PACTS) if each.provider == service]
        changes = breaking_changes(old, committed_description(service), interactions)
        is_broken = is_broken or any(each.readers for each in changes)
        lines += [f"{service}: {change}" for change in changes]
        if not changes:
            lines.append(f"{service}: nothing that is deployed is taken away.")
    if is_broken:
        raise GateFailed("\n".join([*lines, "Keep the old beside the new (docs/contracts.md)."]))
    return "\n".join(lines)
