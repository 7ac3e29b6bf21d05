"""One file for what each part of the gate found, and one record of all parts for the report."""

from dataclasses import replace

from pydantic import TypeAdapter

from contracts.gate.deployed import Deployments
from contracts.gate.record import FAILED, NOT_ASKED, NOT_REACHED, PASSED, STEPS, Record, Step
from contracts.gate.workspace import Workspace

CONSUMERS = "consumers"
_WORST_FIRST = (FAILED, NOT_REACHED, PASSED, NOT_ASKED)
"""A result for one service outweighs that another wasn't asked about."""


def deployment_of(service: str) -> str:
    """The name of the part that says whether the service can be deployed."""
    return f"deployment-{service}"


def parts_of(workspace: Workspace) -> list[str]:
    services = list(workspace.participants)
    return [CONSUMERS, *services, *map(deployment_of, services)]


_RECORD = TypeAdapter(Record)


def write_record(workspace: Workspace, part: str, record: Record) -> None:
    written = replace(record, part=part, commit=Deployments(workspace).commit())
    text = workspace.relative(_RECORD.dump_json(written, indent=1).decode())
    workspace.records.mkdir(parents=True, exist_ok=True)
    (workspace.records / f"{part}.json").write_text(text, encoding="utf-8")


def join(workspace: Workspace) -> Record:
    """One record of all parts. A part without a file is missing and never counts as passed."""
    found: dict[str, Record] = {}
    problems = []
    for path in sorted(workspace.records.glob("*.json")):
        try:
            record = _RECORD.validate_json(path.read_bytes())
        except ValueError as error:
            problems.append(f"{path} is not a valid record: {error}.")
            continue
        if record.commit != Deployments(workspace).commit():
            problems.append(f"{path} is of the commit {record.commit}.")
        elif record.part not in parts_of(workspace) or record.part in found:
            problems.append(f"{path} is of another part, or of the same as another record.")
        elif record.steps.keys() != STEPS.keys():
            problems.append(f"{path} has other steps than this version.")
        else:
            found[record.part] = record
    missing = [part for part in parts_of(workspace) if part not in found]
    joined = Record(missing=missing, problems=problems)
    services = list(workspace.participants)
    parts_with = {"verified": services, "deployable": [deployment_of(each) for each in services]}
    for name, step in joined.steps.items():
        no_record = Step(STEPS[name])
        steps = {
            part: found[part].steps[name] if part in found else no_record
            for part in parts_with.get(name, [CONSUMERS])
        }
        outcomes = {each.outcome for each in steps.values()}
        step.outcome = next(each for each in _WORST_FIRST if each in outcomes)
        step.text = "\n".join(
            f"{part}: there is no record."
            if each is no_record
            else each.text.strip() or f"{part}: {each.outcome}"
            for part, each in steps.items()
        )
    for record in found.values():
        joined.results += record.results
        joined.canaries |= record.canaries
        joined.answers += record.answers
    return joined
