"""Edits of an OpenAPI description: each breaking one is found, with who uses it; compatible ones are not."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from contracts.openapi.changes import breaking_changes
from contracts.pacts import Interaction

HERE = Path(__file__).parent
HATS = (HERE / "hats.json").read_text()
EDITS = tomllib.loads((HERE / "openapi_edits.toml").read_text())


def interaction(description: str, method: str, path: str, status: int, **parts: Any) -> Interaction:
    def with_body(part: dict[str, Any], name: str) -> dict[str, Any]:
        body = {"content": parts.get(name), "contentType": "application/json", "encoded": False}
        return part | ({"body": body} if name in parts else {})

    sent: dict[str, Any] = {name: parts[name] for name in ("query", "headers") if name in parts}
    read = {"status": status, "headers": parts.get("read_headers", {})}
    document = {
        "description": description,
        "type": "Synchronous/HTTP",
        "comments": {"testname": "t.py::test"},
        "request": with_body({"method": method, "path": path, **sent}, "sent"),
        "response": with_body(read, "read"),
    }
    return Interaction("hatter", "shop", document)


HAT = {"id": 7, "label": "Fez", "kind": "top", "note": None, "sizes": [3], "maker": {"name": "Ada"}}
USED = [
    interaction(
        "a hat",
        "GET",
        "/hats/7",
        200,
        read=HAT | {"box": {"id": 8}},
        read_headers={"ETag": ["1"]},
    ),
    interaction("no hat", "GET", "/hats/8", 404, read={"code": "no_hat"}),
    interaction(
        "hats", "GET", "/hats/", 200, query={"limit": ["5"], "kind": ["top"]}, read=[{"price": 3}]
    ),
    interaction("a new hat", "POST", "/hats/", 201, sent={"label": "Fez", "kind": "top"}),
    interaction("a sold hat", "DELETE", "/hats/7", 204, headers={"Authorization": ["Bearer x"]}),
]


def lines_of(place: str, *value: Any) -> list[str]:
    """What is reported if the value is set, appended (`+`) or, without a value, deleted."""
    new = json.loads(HATS)
    *keys, last = place.split()
    around = new
    for key in keys:
        around = around[int(key) if isinstance(around, list) else key]
    index: Any = int(last) if isinstance(around, list) and last != "+" else last
    if not value:
        del around[index]
    elif last == "+":
        around.append(*value)
    else:
        (around[index],) = value
    return [
        str(each).replace(", t.py::test", "")
        for each in breaking_changes(json.loads(HATS), new, USED)
    ]


@pytest.mark.parametrize("edit", EDITS["breaking"].values(), ids=EDITS["breaking"])
def test_breaking_edit_is_found_with_who_uses_it(edit: list[Any]) -> None:
    *change, line = edit
    assert line in lines_of(*change)


@pytest.mark.parametrize("edit", EDITS["compatible"].values(), ids=EDITS["compatible"])
def test_compatible_edit_is_not_found(edit: list[Any]) -> None:
    assert lines_of(*edit) == []


@pytest.mark.parametrize(("old", "new"), [("hat_id", "id"), ('"200"', '"2XX"')])
def test_renamed_path_parameter_or_range_of_statuses_is_compatible(old: str, new: str) -> None:
    new_hats = json.loads(HATS.replace(old, new))
    assert list(breaking_changes(json.loads(HATS), new_hats, USED)) == []
