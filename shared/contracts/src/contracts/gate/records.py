"""One file for what each part of the gate found, and one record of all parts for the report."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts.gate.deployed import Deployments
from contracts.gate.deployment import Answer
from contracts.gate.record import FAILED, NOT_ASKED, NOT_REACHED, PASSED, STEPS, Record, Step
from contracts.gate.workspace import Workspace
from contracts.pacts import Interaction
from contracts.results import Result

CONSUMERS = "consumers"
_WORST_FIRST = (FAILED, NOT_REACHED, PASSED, NOT_ASKED)
"""One service that was asked about outweighs another that was not."""


def deployment_of(service: str) -> str:
    """The name of the part that says whether the service can be deployed."""
    return f"deployment-{service}"


def parts_of(workspace: Workspace) -> list[str]:
    services = list(workspace.participants)
    return [CONSUMERS, *services, *map(deployment_of, services)]


@dataclass(frozen=True)
class Joined:
    record: Record
    problems: list[str]
    """Why a file is ignored."""


def write_record(workspace: Workspace, part: str, record: Record) -> None:
    document = {
        "part": part,
        "commit": Deployments(workspace).commit(),
        "steps": {
            name: {"outcome": step.outcome, "text": step.text}
            for name, step in record.steps.items()
        },
        "results": [_written(each) for each in record.results],
        "canaries": sorted(record.canaries),
        "answers": [{"is_yes": each.is_yes, "sentence": each.sentence} for each in record.answers],
    }
    workspace.records.mkdir(parents=True, exist_ok=True)
    text = workspace.relative(json.dumps(document, ensure_ascii=False, indent=1))
    (workspace.records / f"{part}.json").write_text(text, encoding="utf-8")


def join(workspace: Workspace) -> Joined:
    """One record of all parts. A part without a file is missing and never counts as passed."""
    found: dict[str, Record] = {}
    problems = []
    for path in sorted(workspace.records.glob("*.json")):
        try:
            part, record = _read(workspace, path)
        except (KeyError, TypeError, ValueError) as error:
            problems.append(f"{path} is not a valid record: {error!r}.")
            continue
        if part in found:
            problems.append(f"{path} is a second record of {part}.")
            continue
        found[part] = record
    return Joined(_joined(workspace, found), problems)


def _joined(workspace: Workspace, found: dict[str, Record]) -> Record:
    joined = Record(missing=[part for part in parts_of(workspace) if part not in found])
    for name, step in joined.steps.items():
        parts = _parts_with(name, list(workspace.participants))
        steps = {
            part: found[part].steps[name] if part in found else Step(STEPS[name]) for part in parts
        }
        outcomes = {each.outcome for each in steps.values()}
        step.outcome = next(each for each in _WORST_FIRST if each in outcomes)
        step.text = "\n".join(
            _line(part, each) if part in found else f"{part}: there is no record."
            for part, each in steps.items()
        )
    for record in found.values():
        joined.results += record.results
        joined.canaries |= record.canaries
        joined.answers += record.answers
    return joined


def _parts_with(step: str, services: list[str]) -> list[str]:
    if step == "verified":
        return services
    return [deployment_of(each) for each in services] if step == "deployable" else [CONSUMERS]


def _line(part: str, step: Step) -> str:
    return step.text.strip() or f"{part}: {step.outcome}"


def _read(workspace: Workspace, path: Path) -> tuple[str, Record]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    part = document["part"]
    if part not in parts_of(workspace):
        raise ValueError(f"there is no part {part}")
    if document["commit"] != Deployments(workspace).commit():
        raise ValueError(f"it is of the commit {document['commit']}")
    steps = {name: Step(title, **document["steps"][name]) for name, title in STEPS.items()}
    if unknown := {step.outcome for step in steps.values()} - set(_WORST_FIRST):
        raise ValueError(f"there is no outcome {', '.join(unknown)}")
    return part, Record(
        steps=steps,
        results=list(_results(document["results"])),
        canaries=set(document["canaries"]),
        answers=[Answer(**each) for each in document["answers"]],
    )


def _written(result: Result) -> dict[str, Any]:
    return {
        "consumer": result.interaction.consumer,
        "provider": result.interaction.provider,
        "interaction": result.interaction.document,
        "reason": result.reason,
        "seconds": result.seconds,
        "finished_at": result.finished_at.isoformat(),
    }


def _results(documents: list[dict[str, Any]]) -> Iterator[Result]:
    for each in documents:
        yield Result(
            Interaction(each["consumer"], each["provider"], each["interaction"]),
            each["reason"],
            each["seconds"],
            datetime.fromisoformat(each["finished_at"]),
        )
