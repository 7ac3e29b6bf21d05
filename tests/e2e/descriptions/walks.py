"""Which sequences of linked requests schemathesis has sent, read from its NDJSON report."""

import json
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import workspace

Walk = tuple[str, ...]
"""Steps such as `POST /items/ 201`: the first request, and requests that use data of earlier answers."""


def expected_walks(service: str) -> list[Walk]:
    """The walks in `tests/walks.toml` of the service, if it has one."""
    file = workspace.ROOT / "services" / service / "tests/walks.toml"
    if not file.exists():
        return []
    return [tuple(walk) for walk in tomllib.loads(file.read_text(encoding="utf-8"))["walks"]]


def count_walks(report: Path, walks: Iterable[Walk]) -> dict[Walk, int]:
    """How often each sequence occurred, possibly with other steps in between."""
    sequences = list(_sequences(report))
    return {walk: sum(sequence.issuperset(walk) for sequence in sequences) for walk in walks}


def _sequences(report: Path) -> Iterator[set[str]]:
    """For each first request of the stateful phase: its step and those that used its answer."""
    with report.open() as lines:
        events = (json.loads(line) for line in lines)
        finished = (event["ScenarioFinished"] for event in events if "ScenarioFinished" in event)
        for scenario in finished:
            if scenario["phase"] == "stateful":
                yield from _sequences_of(scenario["recorder"])


def _sequences_of(recorder: dict[str, Any]) -> Iterable[set[str]]:
    sequences: dict[str, set[str]] = {}
    first: dict[str, str] = {}
    for case_id, case in recorder.get("cases", {}).items():  # in the order of sending
        root = first[case_id] = first.get(case.get("parent_id"), case_id)
        response = recorder["interactions"].get(case_id, {}).get("response")
        status = response["status_code"] if response else "no answer"
        step = f"{case['value']['method']} {case['value']['path']} {status}"
        sequences.setdefault(root, set()).add(step)
    return sequences.values()
