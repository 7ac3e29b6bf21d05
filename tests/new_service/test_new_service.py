"""Every gate is green on a clone of the last commit with a new service. Times are printed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workspace import ROOT

ORDERS = {"NAME": "orders", "CONSUMES": "items", "SUBSCRIBES": "users"}
GATES = {
    "lint": ["-e", "lint"],
    "types": ["-c", "services/orders", "-e", "types"],
    "tests": ["-c", "services/orders", "-e", "coverage"],
    "contracts": ["-e", "contracts"],
    "repository": ["-e", "repository-quick"],
    "workflows": ["-e", "e2e-local"],
    "descriptions": ["-e", "schemathesis"],
}


def clone(folder: Path) -> Path:
    run(ROOT, "git", "clone", "--quiet", "--shared", ".", str(folder))
    for name, value in {"name": "A", "email": "a@example.org"}.items():
        run(folder, "git", "config", f"user.{name}", value)
    return folder


def run(folder: Path, *command: str, **variables: str) -> str:
    """The output of a program that succeeds."""
    done = attempt(folder, *command, **variables)
    assert done.returncode == 0, done.stdout
    return done.stdout


def attempt(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    started = time.monotonic()
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("TOX_")}
    done = subprocess.run(
        command,
        cwd=folder,
        env=inherited | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(f"{time.monotonic() - started:6.0f} s  {' '.join(command)}", flush=True)
    return done


def tox(folder: Path, *options: str) -> str:
    return run(folder, sys.executable, "-m", "tox", "-q", *options)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with orders, which consumes items and subscribes to users."""
    root = clone(tmp_path_factory.mktemp("made") / "root")
    print(run(root, sys.executable, "new_service.py", **ORDERS))
    run(root, "git", "commit", "--quiet", "--message=Add orders")
    return root


@pytest.mark.parametrize("gate", GATES)
def test_gate_passes_with_the_new_service(made: Path, gate: str) -> None:
    tox(made, *GATES[gate])


def test_new_pacts_are_counted(made: Path) -> None:
    output = tox(made, "-e", "contracts", "--", "check", "items")
    assert (made / "contracts/pacts/orders-items.json").exists()
    assert "interactions verified" in output
    assert run(made, "git", "status", "--porcelain") == ""


def test_service_takes_later_improvements_of_the_template(made: Path) -> None:
    own, template = (
        made / "services/orders/app/errors.py",
        made / "templates/service/app/main.py.jinja",
    )
    own.write_text(own.read_text() + "# ours\n")
    template.write_text(template.read_text().replace("Anyone may read", "Everybody may read"))
    run(made, "git", "commit", "--quiet", "--all", "--message=Improve the template")
    update = ["tool", "run", "--constraints", "constraints.txt", "copier", "update", "--defaults"]
    run(made, sys.executable, "-m", "uv", *update, "--vcs-ref=HEAD", "services/orders")
    assert "Everybody may read orders" in (made / "services/orders/app/main.py").read_text()
    assert own.read_text().endswith("# ours\n")
    run(made, "git", "reset", "--quiet", "--hard", "HEAD~1")


def test_failure_halfway_leaves_nothing_behind(tmp_path: Path) -> None:
    root = clone(tmp_path / "root")
    (root / "templates/service/pyproject.toml.jinja").write_text("[tool\n")
    run(root, "git", "commit", "--quiet", "--all", "--message=Break the template")
    failed = attempt(root, sys.executable, "new_service.py", **ORDERS)
    assert failed.returncode == 1
    assert "failed, and nothing was written" in failed.stdout
    assert run(root, "git", "status", "--porcelain") == ""
