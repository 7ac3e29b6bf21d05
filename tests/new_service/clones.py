"""Clones of the last commit, in which services are made and removed, and the gates are run."""

import os
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from workspace import ROOT

ORDERS = {"NAME": "orders", "CONSUMES": "items", "SUBSCRIBES": "users"}
QUOTES = {"NAME": "quotes", "CONSUMES": "items", "DATABASE": "no"}
ABOUT_SERVICES = (
    "alerts or compose or documents or images or kubernetes or layout or pipelines or proxy"
)
GATES = ("lint", "contracts")
MORE_GATES = ("repository-quick", "e2e-local", "types", "schemathesis", "chaos")


def gates(folder: Path, *names: str, is_complete: bool) -> None:
    """Run what looks at these services, of each gate; schemathesis at the first. Or each gate in full.

    Two run at a time.
    """
    chosen = [f"-e {gate}" for gate in (*GATES, *(MORE_GATES if is_complete else ()))]
    chosen += [f"-c services/{name} -e {env}" for name in names for env in ("coverage", "types")]
    if not is_complete:
        run(folder, sys.executable, "workspace.py", "install")
    with ThreadPoolExecutor(max_workers=2) as pool:
        others = pool.map(partial(pytest, folder), () if is_complete else parts(names[0]))
        list(pool.map(partial(tox, folder), chosen))
        list(others)
    assert run(folder, "git", "status", "--porcelain") == ""


def parts(name: str) -> list[str]:
    """What looks at the services, of gates whose environments have the same packages as this one."""
    selected = f"sigterm or evidence_has or dashboards or described and {name}"
    # Few examples: each service's own check has them all.
    workflows = f"--events=nats --schemathesis=--max-examples=15 -k '{selected}'"
    return [
        f"-c tests/e2e/pytest.ini tests/e2e/workflows tests/e2e/descriptions {workflows}",
        f"-c tests/repository/pytest.ini tests/repository -m 'not slow' -k '{ABOUT_SERVICES}'",
    ]


def clone(parent: Path) -> Path:
    """A clone in a folder whose name has everything that a path can have."""
    folder = parent / "a b#c%41d?e"
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
    shown = shlex.join(command).removeprefix(f"{sys.executable} ")
    print(f"{time.monotonic() - started:6.0f} s  {shown}", flush=True)
    return done


def tox(folder: Path, options: str) -> str:
    return run(folder, sys.executable, "-m", "tox", "-q", *shlex.split(options))


def pytest(folder: Path, options: str) -> str:
    """Run pytest in this process's environment: one of the clone's own would compile the same files again."""
    return run(folder, sys.executable, "-m", "pytest", "-q", *shlex.split(options))


def commit(folder: Path, message: str) -> None:
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", f"--message={message}")
