"""Editors and bots find every package, and the commands that they call exist."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from stack import read_yaml, schema_errors

import workspace
from workspace import ROOT

EDITOR = json.loads((ROOT / "microservices.code-workspace").read_text())
DEVCONTAINER = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
HOOKS = read_yaml(ROOT / ".pre-commit-config.yaml")["repos"][0]["hooks"]
RENOVATE = json.loads((ROOT / "renovate.json").read_text())
COMMANDS = {
    "devcontainer": [DEVCONTAINER["postCreateCommand"]],
    "pre-commit": [each["entry"] for each in HOOKS],
    "renovate": [
        command
        for rule in RENOVATE["packageRules"]
        for command in rule["postUpgradeTasks"]["commands"]
    ],
}
GIT = ["/usr/bin/env", "git"]
each_package = pytest.mark.parametrize("package", workspace.packages(), ids=lambda each: each.name)


def test_every_package_is_a_folder_of_the_editor() -> None:
    folders = {each["path"] for each in EDITOR["folders"]}
    packages = {str(package.relative_to(ROOT)) for package in workspace.packages()}
    assert folders == packages | {"."}


@each_package
def test_interpreters_of_the_editor_are_environments_of_the_package(package: Path) -> None:
    environments = set(re.findall(r"\.tox/(\w+)/bin/python", json.dumps(EDITOR)))
    is_service = package.parent.name == "services"
    known = {*workspace.tox_envs(package), *(["run"] if is_service else [])}
    assert environments - ({"run"} - known) <= known
    assert "quick" in environments


def test_debugger_gets_the_environment_that_install_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "ROOT", tmp_path)
    monkeypatch.setattr(workspace, "_is_installed", lambda _: True)
    assert workspace.install() == 0

    [name] = {each["envFile"] for each in EDITOR["launch"]["configurations"] if "envFile" in each}
    lines = Path(name.replace("${workspaceFolder:root}", str(tmp_path))).read_text().splitlines()
    expected = workspace.development(workspace.services(), {})
    assert dict(line.split("=", 1) for line in lines) == expected


@pytest.mark.parametrize("commands", COMMANDS.values(), ids=COMMANDS)
def test_commands_are_targets_of_make(commands: list[str]) -> None:
    targets = re.findall(r"^\.PHONY: (\w+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert commands
    assert [each for each in commands if each not in {f"make {target}" for target in targets}] == []


def test_renovate_file_is_valid() -> None:
    assert schema_errors("vendor.renovate", ROOT / "renovate.json") == ""


@pytest.fixture(scope="module")
def fresh_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clone")
    subprocess.run([*GIT, "clone", "-q", ROOT, folder], check=True)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(600)
@each_package
def test_uv_sync_gives_a_fresh_clone_what_tox_installs(
    package: Path, fresh_clone: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`uv sync` also changes nothing that git would commit.

    All packages have one environment in turn: `uv sync` removes from it what another one had.
    """
    environment = tmp_path_factory.getbasetemp() / "synced"
    settings = tomllib.loads((package / "pyproject.toml").read_text())["tool"]["tox"]
    requirements = [word for each in settings["env_run_base"]["deps"] for word in each.split()]

    def uv(*command: str | Path) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "uv", *command],
            cwd=fresh_clone / package.relative_to(ROOT),
            env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(environment)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    uv("sync", "--quiet", "--python", sys.executable)
    missing = uv("pip", "install", "--dry-run", "--python", environment, *requirements)
    assert "Would make no changes" in missing
    status = subprocess.run(
        [*GIT, "status", "--short"], cwd=fresh_clone, capture_output=True, text=True, check=True
    )
    assert status.stdout == ""
