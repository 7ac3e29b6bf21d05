"""What parts of the gate found, each in a job of its own: a file for each, and one record of them all."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from contract_gate import deployed, services
from contract_gate.deployment import Answer
from contract_gate.record import (
    FAILED,
    NOT_ASKED,
    NOT_REACHED,
    PASSED,
    STEPS,
    Record,
    Step,
)
from service_testing.contracts.pact_files import Interaction
from service_testing.contracts.results import Result

CONSUMERS = "consumers"
_OF_PROVIDERS = ("kept", "deployable")
"""The steps that each provider takes for itself; the others are the consumers'."""
_WORST_FIRST = (FAILED, NOT_REACHED, PASSED, NOT_ASKED)
"""Where one provider had somebody to ask about, it doesn't matter that another had nobody."""


@dataclass(frozen=True)
class Joined:
    record: Record
    problems: list[str]
    """Why a file doesn't count."""


def write_record(path: Path, part: str, record: Record) -> None:
    document = {
        "part": part,
        "commit": deployed.commit(),
        "steps": {
            name: {"outcome": step.outcome, "text": step.text}
            for name, step in record.steps.items()
        },
        "results": [_written(each) for each in record.results],
        "canaries": sorted(record.canaries),
        "answers": [{"is_yes": each.is_yes, "sentence": each.sentence} for each in record.answers],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    text = services.within(json.dumps(document, ensure_ascii=False, indent=1))
    path.write_text(text, encoding="utf-8")


def join(folder: Path) -> Joined:
    """One record of all in the folder. A part that has none there is missing in it, and never passed."""
    found: dict[str, Record] = {}
    problems = []
    for path in sorted(folder.glob("*.json")):
        try:
            part, record = _read(path)
        except (KeyError, TypeError, ValueError) as error:
            problems.append(f"{path} is no record of a part: {error!r}.")
            continue
        if part in found:
            problems.append(f"{path} is a second record of {part}.")
            continue
        found[part] = record
    return Joined(_joined(found), problems)


def _joined(found: dict[str, Record]) -> Record:
    parts = (CONSUMERS, *services.SERVICES)
    joined = Record(missing=[part for part in parts if part not in found])
    for name, step in joined.steps.items():
        looking = services.SERVICES if name in _OF_PROVIDERS else (CONSUMERS,)
        taken = {
            part: found[part].steps[name] if part in found else Step(STEPS[name])
            for part in looking
        }
        outcomes = {each.outcome for each in taken.values()}
        step.outcome = next(each for each in _WORST_FIRST if each in outcomes)
        told = {part: _told(part, each, found) for part, each in taken.items()}
        step.text = "\n".join(
            f"{part}: {text}" if part in services.SERVICES else text for part, text in told.items()
        )
    for record in found.values():
        joined.results += record.results
        joined.canaries |= record.canaries
        joined.answers += record.answers
    return joined


def _told(part: str, step: Step, found: dict[str, Record]) -> str:
    if part not in found:
        return "There is no record."
    return step.text.strip() or step.outcome


def _read(path: Path) -> tuple[str, Record]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    part = document["part"]
    if part not in (CONSUMERS, *services.SERVICES):
        raise ValueError(f"there is no part {part}")
    if document["commit"] != deployed.commit():
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
