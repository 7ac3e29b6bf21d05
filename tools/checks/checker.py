"""Runs a step, if this machine has what it needs, and says how it went."""

import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from time import monotonic

from checks.docker import DockerMissing, require_docker
from checks.options import Options
from checks.postgres import URL_VARIABLE, PostgresMissing, PostgresServer
from checks.pythons import is_installed
from checks.results import Counts, Outcome, Result, read_reports
from checks.steps import Step
from checks.tox import Tox

_WHERE_FROM = {"promtool": "on Debian and Ubuntu, apt install prometheus has it"}


class Missing(Exception):
    """The step can't run here. The text says what is missing and how to get it."""

    def __init__(self, what: str, *, is_required: bool) -> None:
        super().__init__(what)
        self.is_required = is_required


class Checker:
    """Runs steps, from several threads if need be."""

    def __init__(
        self, tox: Tox, postgres: PostgresServer, options: Options, environ: Mapping[str, str]
    ) -> None:
        self._tox = tox
        self._postgres = postgres
        self._options = options
        self._environ = environ
        self._printing = Lock()

    def check(self, step: Step) -> Result:
        """Run the step and print how it went; a failed one's output too, in one piece."""
        try:
            result, output = self._run(step, self._prepare(step))
        except Missing as missing:
            result, output = _not_run(step, missing), ""
        with self._printing:
            if output and result.outcome == Outcome.FAILED:
                print(output.rstrip())
            print(result, flush=True)
        return result

    def interrupt(self, number: signal.Signals) -> None:
        """End the steps that run, by a signal."""
        self._tox.interrupt(number)
        self._postgres.interrupt()

    def _prepare(self, step: Step) -> Mapping[str, str]:
        """The environment for the step."""
        if step.python and not is_installed(step.python):
            what = f"Python {step.python} is not installed, or not found on the PATH."
            raise Missing(what, is_required=self._options.requires_pythons)
        if step.program and not is_on_path(step.program):
            what = f"{step.program} is not installed: {_WHERE_FROM[step.program]}."
            raise Missing(what, is_required=self._options.requires_programs)
        if step.needs_docker:
            self._require_docker()
        if step.database != "postgres":
            return self._environ
        try:
            return {**self._environ, URL_VARIABLE: self._postgres.url()}
        except PostgresMissing as error:
            raise Missing(str(error), is_required=self._options.requires_postgres) from error

    def _require_docker(self) -> None:
        try:
            require_docker(self._environ)
        except DockerMissing as error:
            raise Missing(str(error), is_required=self._options.requires_docker) from error

    def _run(self, step: Step, environ: Mapping[str, str]) -> tuple[Result, str]:
        started = monotonic()
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            for earlier in step.reports:
                earlier.unlink(missing_ok=True)
            exit_code, output = self._tox.run(step, self._arguments(step, report), environ)
            counts, failed_tests = read_reports([report, *step.reports])
        result = Result(
            step=step,
            outcome=Outcome.FAILED if exit_code else Outcome.PASSED,
            seconds=monotonic() - started,
            counts=_honest(counts, exit_code) if step.is_pytest or step.reports else None,
            failed_tests=failed_tests,
        )
        return result, output

    def _arguments(self, step: Step, report: Path) -> list[str]:
        database = [f"--database={step.database}"] if step.database else []
        workers = [f"--numprocesses={step.workers}"] if step.workers > 1 else []
        if not step.is_pytest:
            return [*database, *step.options]
        options = [*step.options, *self._options.pytest_options]
        return [f"--junitxml={report}", *database, *workers, *options]


def is_on_path(program: str) -> bool:
    return shutil.which(program) is not None


def _not_run(step: Step, missing: Missing) -> Result:
    if missing.is_required:
        counts = Counts(failed=1)
        return Result(step=step, outcome=Outcome.FAILED, counts=counts, reason=str(missing))
    return Result(step=step, outcome=Outcome.NOT_RUN, reason=str(missing))


def _honest(counts: Counts, exit_code: int) -> Counts:
    """A run that broke before its first test mustn't read as "0 failed"."""
    return counts if counts.failed or not exit_code else counts + Counts(failed=1)
