"""The example workspace in a folder of its own, and the gate on it, without processes."""

import contextlib
import hashlib
import importlib
import io
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from contracts.gate.descriptions import report_changes
from contracts.gate.gate import Gate
from contracts.gate.runner import Run
from contracts.gate.tested import events_of
from contracts.gate.workspace import Participant, Workspace
from contracts.openapi.conformance import Description

SOURCE = Path(__file__).parents[1] / "example"
SERVICES = ("catalog", "mailer", "shop")
Edit = dict[str, Any]
"""Pairs of an old and a new text by file, and what the gate `prints`."""
EDITS: dict[str, dict[str, Edit]] = tomllib.loads((SOURCE.parent / "gate/edits.toml").read_text())
"""The edits by group and name."""


@dataclass
class InProcessRunner:
    """Runs contract tests in this process. Runs of unchanged services are remembered."""

    cache: Path
    runs: list[str] = field(default_factory=list)
    jobs: int = 1

    def run_tests(self, participant: Participant, *options: str) -> Run:
        self.runs.append(participant.name)
        outputs = {
            name: Path(value)
            for name, _, value in (option.partition("=") for option in options)
            if name in ("--contracts-output", "--contracts-verified")
        }
        kept = self.cache / self._key(participant, options)
        if not kept.exists():
            with _modules_of(participant.folder):
                run = _pytest(participant.folder, options, outputs, kept)
            (kept / "run.json").write_text(json.dumps([run.code, run.output]))
        for name, output in outputs.items():
            if (kept / name).exists():
                shutil.copytree(kept / name, output, dirs_exist_ok=True)
        return Run(*json.loads((kept / "run.json").read_text()))

    def _key(self, participant: Participant, options: tuple[str, ...]) -> str:
        """A hash of everything that the result depends on, without the names of temporary folders."""
        folders = [participant.folder]
        names = [option.partition("=")[0] for option in options]
        if names != ["--contracts-output", "--contracts-openapi", "--contracts-asyncapi"]:
            folders.append(participant.folder.parents[1] / "contracts")
        given = "--contracts-pacts="
        folders += [Path(each.removeprefix(given)) for each in options if each.startswith(given)]
        digest = hashlib.sha256(json.dumps([participant.name, sorted(names)]).encode())
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not {"openapi", "asyncapi"} & {*path.parts}:
                    digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
        return digest.hexdigest()


def _pytest(folder: Path, options: tuple[str, ...], outputs: dict[str, Path], kept: Path) -> Run:
    replaced = {str(path): str(kept / name) for name, path in outputs.items()}
    arguments = [
        option.replace(option.partition("=")[2], replaced[option.partition("=")[2]])
        if option.partition("=")[2] in replaced
        else option
        for option in options
    ]
    kept.mkdir(parents=True)
    # Loading every installed plugin takes longer than the tests, and some collect garbage five times.
    plugins = ["--disable-plugin-autoload", "-p", "anyio", "-p", "contracts.plugin"]
    for name in ("cacheprovider", "faulthandler", "unraisableexception", "threadexception"):
        plugins += ["-p", f"no:{name}"]
    tests = ["tests/contract"] if (folder / "tests/contract").exists() else ["--ignore-glob=*"]
    output = io.StringIO()
    before = Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = pytest.main(["-q", "--rootdir", str(folder), *plugins, *tests, *arguments])
    finally:
        os.chdir(before)
    return Run(int(code), output.getvalue())


@contextlib.contextmanager
def _modules_of(folder: Path) -> Iterator[None]:
    """Each service's modules are `app` and `tests`: forget them afterwards."""
    before, path = dict(sys.modules), list(sys.path)
    for name in list(sys.modules):
        if name.partition(".")[0] in ("app", "tests"):
            del sys.modules[name]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - set(before):
            if name.partition(".")[0] in ("app", "tests", "conftest"):
                del sys.modules[name]
        sys.modules.update(
            {name: each for name, each in before.items() if name.startswith(("app", "tests"))}
        )


@dataclass
class Example:
    """The workspace, deployed as it is committed."""

    root: Path
    runner: InProcessRunner

    @property
    def gate(self) -> Gate:
        return Gate(Workspace.read(self.root), self.runner)

    def changes(self) -> str:
        """What the step `compatible` reports."""
        gate = self.gate
        events = events_of(gate.workspace, {})
        return report_changes(gate.workspace, gate.deployments, self.descriptions(), events)

    def descriptions(self) -> dict[str, Description]:
        """The committed ones."""
        workspace = self.gate.workspace
        return {name: workspace.description(name) for name in workspace.participants}

    def path(self, name: str) -> Path:
        """`catalog/app/main.py` is a file of that service, `contracts/...` one of the contracts."""
        return self.root / name if name.startswith("contracts/") else self.root / "services" / name

    def make(self, edit: Edit) -> None:
        for name, changes in edit.items():
            if name != "prints":
                self.edit(name, *changes)

    def edit(self, name: str, *changes: tuple[str, str]) -> None:
        path = self.path(name)
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, f"{name} doesn't contain {old!r}"
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        self.path(name).write_text(text, encoding="utf-8")

    def append(self, name: str, text: str) -> None:
        self.write(name, self.path(name).read_text(encoding="utf-8") + text)

    def git(self, *arguments: str) -> None:
        git(self.root, *arguments)


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    run = subprocess.run(
        ["git", *who, *arguments],  # noqa: S607
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    return run.stdout.strip()


def make_template(folder: Path) -> None:
    """The example with its contracts, committed, and a tag for each deployed service."""
    root = folder / "workspace"
    shutil.copytree(SOURCE, root, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    Gate(Workspace.read(root), InProcessRunner(folder / "cache")).update()
    (root / ".gitignore").write_text("contract-records/\n.tox/\n__pycache__/\n")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "As it is deployed")
    for service in SERVICES:
        git(root, "tag", f"deployed/production/{service}")
