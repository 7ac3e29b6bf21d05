"""ajv and Redocly accept the descriptions."""

import json
from pathlib import Path

import pytest

import workspace
from tests.e2e.third_party.conftest import HERE, RunNode


def test_examples_match_their_schemas(node: RunNode, descriptions: list[Path]) -> None:
    assert json.loads(node("examples.mjs", *descriptions))["examples"] > 10 * len(descriptions)


def test_redocly_finds_no_error(
    node: RunNode, descriptions: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDOCLY_TELEMETRY", "off")
    monkeypatch.setenv("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
    options = ("--config", HERE / "redocly.yaml")
    events = workspace.ROOT.glob("contracts/asyncapi/*.json")
    node("node_modules/@redocly/cli/bin/cli.js", "lint", *options, *descriptions, *events)
