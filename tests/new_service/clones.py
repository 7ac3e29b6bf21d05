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
GATES = {
    "-e lint": "-e lint",
    "-e contracts": "-e contracts",
    "-e repository-quick": f"-e repository-quick -- -k '{ABOUT_SERVICES}'",
    "-e e2e-local": "-e e2e-local -- --events=nats -k 'sigterm or evidence_has'",
}
"""Each gate in full, and the part that looks at the services."""
MORE_GATES = ("-e types", "-e schemathesis", "-e chaos")


def gates(folder: Path, *names: str, is_complete: bool) -> None:
    """Run what looks at these services, of each gate; schemathesis at the first. Or each gate in full.

    Two run at a time.
    """
    parts = [f"-e schemathesis -- -k {names[0]}", *GATES.values()]
    chosen = [*GATES, *MORE_GATES] if is_complete else parts
    chosen += [f"-c services/{name} -e {env}" for name in names for env in ("coverage", "types")]
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(partial(tox, folder), chosen))
    assert run(folder, "git", "status", "--porcelain") == ""


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
