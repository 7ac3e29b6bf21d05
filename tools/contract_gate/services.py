"""The services, as the gate runs and asks them: each in a process and a folder of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from service_testing.contracts.descriptions import Description
from service_testing.contracts.pact_files import canonical

ROOT = Path(__file__).resolve().parents[2]
PACTS = ROOT / "contracts/pacts"
DESCRIPTIONS = ROOT / "contracts/openapi"
SERVICES = ("users", "items")
NO_TESTS = 5
"""pytest's exit code for a service that is nobody's consumer."""
_MOST_SECONDS = 300
# One interaction takes well under a second, and a provider's start a few: what blocks is ended soon.
_TEST_SECONDS = 20
# What blocks where no signal reaches it is ended with its process, which says by its stack what it was.
_MOST_TEST_SECONDS = 25
# A thread that still runs can't be ended, and Python would wait for it.
_PYTEST = """
import os, sys, threading, pytest
code = pytest.main()
if any(not each.daemon for each in threading.enumerate() if each is not threading.main_thread()):
    sys.stdout.flush()
    os._exit(code)
sys.exit(code)
"""
_DESCRIBE = (
    "import json; from app.main import create_app; print(json.dumps(create_app().openapi()))"
)


class GateFailed(Exception):
    """The text says why, and how to mend it."""


def within(text: str) -> str:
    """Without where the repository lies: that is nobody's business, and different on each machine."""
    return text.replace(f"{ROOT}{os.sep}", "")


def run_contract_tests(service: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Raises `GateFailed` when they don't end in time."""
    limits = [
        f"--timeout={_TEST_SECONDS}",
        f"--override-ini=faulthandler_timeout={_MOST_TEST_SECONDS}",
        "--override-ini=faulthandler_exit_on_timeout=true",
    ]
    command = [sys.executable, "-c", _PYTEST, "-q", *limits, "tests/contract", *options]
    return _run(service, command, stderr=subprocess.STDOUT)


def describe(service: str) -> str:
    """The service's OpenAPI description, as it is committed in contracts/openapi.

    Raises:
        GateFailed: the service can't be built.
    """
    run = _run(service, [sys.executable, "-c", _DESCRIBE], stderr=subprocess.PIPE)
    if run.returncode != 0:
        raise GateFailed(f"{run.stderr}\n{service} can't be built, so it has no description.")
    return canonical(json.loads(run.stdout.splitlines()[-1]))


def committed_description(service: str) -> Description:
    """Raises `GateFailed` when there is none."""
    path = DESCRIPTIONS / f"{service}.json"
    if not path.is_file():
        raise GateFailed(f"There is no {path}. Run `make contracts` and commit it.")
    found: Description = json.loads(path.read_text(encoding="utf-8"))
    return found


def _run(service: str, command: list[str], *, stderr: int) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    environment[f"{service.upper()}_ENVIRONMENT"] = "development"
    try:
        return subprocess.run(
            command,
            cwd=ROOT / "services" / service,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=stderr,
            timeout=_MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise GateFailed(
            f"{service}: not done after {error.timeout} s. Run `tox -e py311 -- tests/contract` in "
            f"services/{service} to see which test waits."
        ) from None
