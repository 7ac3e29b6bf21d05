"""Runs each participant's contract tests, in its own process, folder and environment."""

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from contracts.errors import ContractError
from contracts.gate.workspace import Participant, Settings

PREPARE_SECONDS = 600
RUN_SECONDS = 300
TEST_SECONDS = 20
"""A single interaction takes well under a second, the start of a provider a few seconds."""
BLOCKED_TEST_SECONDS = 25
"""A test that no signal can interrupt is ended with its process, which prints its stacks."""
# A thread that still runs can't be stopped, and Python would wait for it.
_PYTEST = """
import os, sys, threading, pytest
code = pytest.main()
if any(not each.daemon for each in threading.enumerate() if each is not threading.main_thread()):
    sys.stdout.flush()
    os._exit(code)
sys.exit(code)
"""
# Variables of the environment that the gate runs in.
_OWN = ("TOX_", "VIRTUAL_ENV", "PYTEST_", "PYTHONPATH", "COVERAGE_")


@dataclass(frozen=True)
class Run:
    """A finished run of contract tests."""

    code: int
    output: str


class Runner(Protocol):
    jobs: int
    """How many participants may run at the same time."""

    def run_tests(self, participant: Participant, *options: str) -> Run:
        """Raises `ContractError` if the tests can't be run, or exceed the time limit."""
        ...


@dataclass
class ProcessRunner:
    settings: Settings
    is_prepared: set[str] = field(default_factory=set)
    jobs: int = os.cpu_count() or 1

    def run_tests(self, participant: Participant, *options: str) -> Run:
        limits = [
            f"--timeout={TEST_SECONDS}",
            f"--override-ini=faulthandler_timeout={BLOCKED_TEST_SECONDS}",
            "--override-ini=faulthandler_exit_on_timeout=true",
        ]
        self._prepare(participant)
        python = _filled(self.settings.python, participant) or sys.executable
        has_tests = (participant.folder / self.settings.tests).exists()
        command = [python, "-c", _PYTEST, "-q", *limits, *options]
        command.append(self.settings.tests if has_tests else "--ignore-glob=*")
        # As with `python -m`, the participant's folder is where its modules are.
        modules = {"PYTHONPATH": str(participant.folder)}
        run = self._run(participant, command, RUN_SECONDS, modules)
        return Run(run.returncode, run.stdout)

    def _prepare(self, participant: Participant) -> None:
        if participant.name in self.is_prepared or not self.settings.prepare:
            return
        print(f"{participant.name}: preparing its environment ...", flush=True)
        command = [_filled(part, participant) for part in shlex.split(self.settings.prepare)]
        run = self._run(participant, command, PREPARE_SECONDS, {})
        if run.returncode != 0:
            raise ContractError(
                f"{participant.name}: `{shlex.join(command)}` failed.\n{run.stdout}"
            )
        self.is_prepared.add(participant.name)

    def _run(
        self,
        participant: Participant,
        command: list[str],
        seconds: float,
        environment: dict[str, str],
    ) -> "subprocess.CompletedProcess[str]":
        try:
            return subprocess.run(  # noqa: S603 - the commands are those of the repository
                command,
                cwd=participant.folder,
                env=self._environment(participant) | environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            )
        except FileNotFoundError:
            raise ContractError(
                f"{participant.name}: {Path(command[0])} doesn't exist. Check `prepare` and `python` "
                "in [tool.contracts]."
            ) from None
        except subprocess.TimeoutExpired as error:
            raise ContractError(
                f"{participant.name}: not finished after {error.timeout:g} s. Run its contract tests "
                "by themselves to see which one waits."
            ) from None

    def _environment(self, participant: Participant) -> dict[str, str]:
        name = participant.name.upper().replace("-", "_")
        own = {key: value for key, value in os.environ.items() if not key.startswith(_OWN)}
        variables = self.settings.environment
        return own | {key.replace("{NAME}", name): value for key, value in variables.items()}


def _filled(template: str, participant: Participant) -> str:
    return template.replace("{folder}", str(participant.folder)).replace("{name}", participant.name)
