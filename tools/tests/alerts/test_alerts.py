"""Prometheus's own tool on the rules: each alert fires on its fault, and on nothing else that was tried."""

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from running import TOOLS

FOLDER = TOOLS.parent / "deploy/prometheus"
RULES = YAML(typ="safe").load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))
ALERTS = [rule["alert"] for group in RULES["groups"] for rule in group["rules"]]
each_alert = pytest.mark.parametrize("alert", ALERTS)


def promtool(*arguments: str, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    command = ["promtool", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def outcome_with(alert: str, folder: Path, **changes: Any) -> str:
    """What the tests of the rules say when this alert is another."""
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    rules = YAML(typ="safe").load((folder / "alerts.yml").read_text(encoding="utf-8"))
    changed = [rule for group in rules["groups"] for rule in group["rules"]]
    next(rule for rule in changed if rule["alert"] == alert).update(changes)
    text = io.StringIO()
    YAML(typ="safe").dump(rules, text)
    (folder / "alerts.yml").write_text(text.getvalue(), encoding="utf-8")
    run = promtool("test", "rules", "alerts_test.yml", folder=folder)
    assert (run.returncode == 0) == ("FAILED" not in run.stdout + run.stderr)
    return run.stdout + run.stderr


def test_the_configuration_is_valid() -> None:
    run = promtool("check", "config", "prometheus.yml")
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(ALERTS)} rules found" in run.stdout


def test_each_fault_causes_its_alert_and_a_healthy_stack_none() -> None:
    run = promtool("test", "rules", "alerts_test.yml")
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.slow
@each_alert
def test_an_alert_that_never_fires_is_found(alert: str, tmp_path: Path) -> None:
    assert "FAILED" in outcome_with(alert, tmp_path, expr="vector(0) > 1")


@pytest.mark.slow
@each_alert
def test_an_alert_that_always_fires_is_found(alert: str, tmp_path: Path) -> None:
    assert "FAILED" in outcome_with(alert, tmp_path, expr="vector(1)", **{"for": "0s"})
