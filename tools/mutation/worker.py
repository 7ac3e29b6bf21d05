"""Run a package's tests against one mutant after another, each in a fork of this process.

The process has imported pytest and the libraries, and nothing of ours, so that a mutant is up in the
time that our own modules take. It reads jobs from its standard input, a JSON object per line, and
answers each with a line.
"""

import importlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from mutation import swap

KILLED_BY_TIME = -1
# Many modules of pytest's plugins are imported for their hooks: those have to come by pytest.
_PLUGIN_WORDS = ("pytest", "_hypothesis", "sitecustomize")
_SEED = "1"


@dataclass(frozen=True)
class Job:
    """Run `tests`, in their order, from `files`, with `text` in place of the module at `path`."""

    path: str
    text: str
    files: Sequence[str]
    tests: Sequence[str]
    timeout_seconds: float


@dataclass(frozen=True)
class Answer:
    """`exit_code` is pytest's; `failed` is the test that failed first, if one did."""

    exit_code: int
    failed: str | None
    seconds: float


class Selection:
    """A pytest plugin: only these tests, in this order, and which of them failed."""

    def __init__(self, tests: Sequence[str], report: Path) -> None:
        self._order = {test: number for number, test in enumerate(tests)}
        self._report = report

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if item.nodeid in self._order]
        items[:] = sorted(chosen, key=lambda item: self._order[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._report.write_text(report.nodeid)


def main() -> None:
    for name in json.loads(sys.stdin.readline()):
        if not any(word in name for word in _PLUGIN_WORDS):
            with suppress(Exception):  # what can't be imported now will be by its test
                importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            answer = run(Job(**json.loads(line)), Path(folder))
            print(json.dumps(asdict(answer)), flush=True)


def run(job: Job, folder: Path) -> Answer:
    """Run one job in a process group of its own, of which nothing stays."""
    report = folder / "failed"
    report.unlink(missing_ok=True)
    started = time.monotonic()
    process = multiprocessing.get_context("fork").Process(target=_run_tests, args=(job, folder))
    process.start()
    try:
        process.join(job.timeout_seconds)
    finally:
        exit_code = KILLED_BY_TIME if process.exitcode is None else process.exitcode
        _kill_group(process.pid)
        process.join()
    failed = report.read_text() if report.exists() else None
    return Answer(exit_code, failed, time.monotonic() - started)


def _kill_group(leader: int | None) -> None:
    """End what is left of the group, which may be nothing."""
    if leader is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def _run_tests(job: Job, folder: Path) -> None:
    os.setsid()
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    swapped = folder / "swap.json"
    swapped.write_text(json.dumps({"path": job.path, "text": job.text}))
    os.environ[swap.VARIABLE] = str(swapped)
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(folder / "hypothesis")
    swap.install_from_environment()
    options = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", f"--basetemp={folder / 'tmp'}"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    options += ["-W", "ignore::hypothesis.errors.HypothesisSideeffectWarning"]
    if "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in os.environ:
        options += [f"--randomly-seed={_SEED}", "--randomly-dont-reorganize"]
    os._exit(int(pytest.main([*options, *job.files], [Selection(job.tests, folder / "failed")])))


if __name__ == "__main__":
    main()
