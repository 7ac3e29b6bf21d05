"""Which ways from one request to the next schemathesis has gone, read from its own report."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Walk = tuple[str, ...]
"""Steps such as `POST /items/ 201`, in any order: each follows from an answer to the first, or from that to another."""

EXPECTED: dict[str, list[Walk]] = {
    "users": [
        (
            "POST /users/ 201",
            "GET /admin/users/{user_id} 200",
            "PATCH /admin/users/{user_id} 200",
            "DELETE /admin/users/{user_id} 204",
        ),
        ("POST /users/ 201", "POST /auth/token 200", "POST /auth/refresh 200"),
    ],
    "items": [
        (
            "POST /items/ 201",
            "GET /items/{item_id} 200",
            "PATCH /items/{item_id} 200",
            "DELETE /items/{item_id} 204",
        ),
    ],
}


def count_walks(report: Path, walks: Iterable[Walk]) -> dict[Walk, int]:
    """How often each was gone, beside other steps or not. `report` is one of `--report=ndjson`."""
    lives = list(_lives(report))
    return {walk: sum(life.issuperset(walk) for life in lives) for walk in walks}


def _lives(report: Path) -> Iterator[set[str]]:
    """For each first request of the stateful phase, it and all that followed from its answer."""
    with report.open() as lines:
        events = (json.loads(line) for line in lines)
        finished = (event["ScenarioFinished"] for event in events if "ScenarioFinished" in event)
        for scenario in finished:
            if scenario["phase"] == "stateful":
                yield from _lives_of(scenario["recorder"])


def _lives_of(recorder: dict[str, Any]) -> Iterable[set[str]]:
    lives: dict[str, set[str]] = {}
    first: dict[str, str] = {}
    for case_id, case in recorder.get("cases", {}).items():  # in the order in which they were sent
        root = first[case_id] = first.get(case.get("parent_id"), case_id)
        response = recorder["interactions"].get(case_id, {}).get("response")
        status = response["status_code"] if response else "no answer"
        step = f"{case['value']['method']} {case['value']['path']} {status}"
        lives.setdefault(root, set()).add(step)
    return lives.values()
