"""Try mutants: the narrowest and quickest tests first, everything else only when those pass."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from mutation.mutants import Mutant
from mutation.package import Suite, environment
from mutation.worker import KILLED_BY_TIME, Answer, Job

# All tests that ran a line in their own call are tried. Of what may reach it otherwise, at import, in
# a fixture or in another process, as many as take so long without the mutant.
_MODULE_SECONDS = 10
# Enough of a module's tests, without a mutant, to see that its text arrives.
_ORIGINAL_SECONDS = 2
_WIDE_SECONDS = 3
# An endless loop has ended after this and so many times what its tests take.
_PATIENCE_SECONDS = 30
_TIMES = 5
# So long the original may take on a machine that does other things too.
_BUSY_SECONDS = 600
_EXIT_PASSED = 0
_NO_TESTS = 5


class Confused(Exception):
    """The machinery, and not a test, stopped a run; nothing can be said of the mutant."""


class Trial:
    """A worker process for one package, and what is asked of it. A context manager."""

    def __init__(self, folder: Path, tests: Suite) -> None:
        self._folder = folder
        self._tests = tests
        self._worker = subprocess.Popen(
            [sys.executable, "-m", "mutation.worker"],
            cwd=folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._worker.stdin is None or self._worker.stdout is None:
            raise Confused("The worker can't be spoken to.")
        self._stdin, self._stdout = self._worker.stdin, self._worker.stdout
        self._send(tests.libraries)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._worker.terminate()
        self._worker.wait()
        self._stdin.close()
        self._stdout.close()

    def check_original(self, module: Path) -> None:
        """See that the tests pass when the module comes the way in which mutants do.

        Raises:
            Confused: they don't.
        """
        tests = self._tests.ordered(self._tests.of_module(module), _ORIGINAL_SECONDS)
        if not tests:
            return
        answer = self._run(module, module.read_text(), tests, patience=_BUSY_SECONDS)
        if answer.exit_code:
            raise Confused(f"Without a mutant of {module.name} too, this fails: {answer.failed}")

    def find_killer(self, module: Path, mutant: Mutant) -> str | None:
        """The test that fails, or what else stopped the tests; None when all of them pass."""
        narrow, is_all = self._tests.of_lines(module, *mutant.lines)
        limit = float("inf")
        if mutant.is_at_import or not narrow:
            narrow, is_all, limit = self._tests.of_module(module), False, _MODULE_SECONDS
        rest = set() if is_all else self._tests.seconds.keys() - narrow
        return self._killer(module, mutant, narrow, limit) or self._killer(
            module, mutant, rest, _WIDE_SECONDS
        )

    def _killer(self, module: Path, mutant: Mutant, among: set[str], seconds: float) -> str | None:
        if not (tests := self._tests.ordered(among, seconds)):
            return None
        answer = self._run(module, mutant.text, tests)
        if answer.exit_code == KILLED_BY_TIME:
            # Perhaps the machine is busy: then the original is slow too, and the mutant gets its time.
            original = self._run(module, mutant.original, tests, patience=_BUSY_SECONDS)
            patience = _PATIENCE_SECONDS + _TIMES * original.seconds
            answer = self._run(module, mutant.text, tests, patience=patience)
        match answer.exit_code:
            case code if code == _EXIT_PASSED:
                return None
            case code if code == _NO_TESTS:
                raise Confused(f"No test was found for {module.name}, {mutant.diff}")
            case code if code == KILLED_BY_TIME:
                return "time"
        if answer.failed:
            self._tests.kills[answer.failed] = self._tests.kills.get(answer.failed, 0) + 1
        return answer.failed or "start"

    def _run(
        self,
        module: Path,
        text: str,
        tests: Sequence[str],
        *,
        patience: float | None = None,
    ) -> Answer:
        files = sorted({test.partition("::")[0] for test in tests})
        seconds = sum(self._tests.seconds[test] for test in tests)
        limit = (_PATIENCE_SECONDS if patience is None else patience) + _TIMES * seconds
        job = Job(str(module), text, files, tests, timeout_seconds=limit)
        self._send(asdict(job))
        if not (line := self._stdout.readline()):
            raise Confused("The worker has ended.")
        return Answer(**json.loads(line))

    def _send(self, message: object) -> None:
        print(json.dumps(message), file=self._stdin, flush=True)
