"""Check the product on this machine, step by step, and sum up: `make test`.

ONLY="lint users" narrows to steps, ARGS="-k login" goes to pytest, VERBOSE=1 shows all output as it
comes. With CI set, or TEST_POSTGRES=required, a missing PostgreSQL is a failure.
"""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import FrameType

from checks.checker import Checker
from checks.options import read_options
from checks.postgres import PostgresServer
from checks.results import Outcome
from checks.schedule import run_all
from checks.steps import UnknownStep, plan_steps
from checks.summary import summarise
from checks.tox import Tox

EXIT_PASSED = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main(
    root: Path, tox_command: Sequence[str], arguments: Sequence[str], environ: Mapping[str, str]
) -> int:
    """Run the wanted steps; the exit code is 0 when none failed."""
    try:
        return _check(root, tox_command, arguments, environ)
    except UnknownStep as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED


def _check(
    root: Path, tox_command: Sequence[str], arguments: Sequence[str], environ: Mapping[str, str]
) -> int:
    options = read_options(arguments, environ)
    steps = plan_steps(
        root, pythons=options.pythons, is_thorough=options.is_thorough, only=options.only
    )
    # On two cores, one more than there are: each waits now and then, for a process or a server.
    jobs = 1 if options.is_verbose else min(3, 1 + (os.cpu_count() or 1))
    print(
        f"{len(steps)} steps, {jobs} at a time; the first time installs what they need.", flush=True
    )
    tox = Tox(tox_command, root, is_verbose=options.is_verbose)
    with closing(PostgresServer(root)) as postgres:
        checker = Checker(tox, postgres, options, environ)
        results = run_all(steps, checker.check, jobs=jobs, interrupt=checker.interrupt)
    print(f"\n{summarise(results)}")
    has_failed = any(result.outcome == Outcome.FAILED for result in results)
    return EXIT_FAILED if has_failed else EXIT_PASSED


def interrupt_on_signals() -> None:
    """Let SIGTERM do what Ctrl-C does, and only the first of them count."""

    def interrupt(number: int, _: FrameType | None) -> None:
        # What they bring to an end must end in its own time.
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt(number)

    signals = (signal.SIGINT, signal.SIGTERM)
    for each in signals:
        signal.signal(each, interrupt)


if __name__ == "__main__":
    interrupt_on_signals()
    repository = Path(__file__).resolve().parent.parent
    sys.exit(main(repository, [sys.executable, "-m", "tox"], sys.argv[1:], os.environ))
