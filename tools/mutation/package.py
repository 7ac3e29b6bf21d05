"""A package under test: its modules, its tests, and which test runs which line."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from coverage import CoverageData

from mutation import recorder

TOOLS = Path(__file__).resolve().parent.parent
# As the packages' own settings have it, but for the contexts: per test, and none in other processes.
_COVERAGE = """
[run]
concurrency = greenlet, thread
parallel = True
patch = subprocess
source = {source}
data_file = {folder}/coverage
"""


class TestsFailed(Exception):
    """The tests fail without a mutant, so that they can't tell a mutant from the original."""


@dataclass
class Suite:
    """What is known of a package's tests: seconds of each, and the contexts that ran each line.

    A context is a test's name, `|`, and `setup`, `run` or `teardown`; or empty for none of those.
    """

    seconds: dict[str, float]
    libraries: list[str]
    by_line: dict[str, dict[str, list[str]]]
    kills: dict[str, int] = field(default_factory=dict)

    def of_lines(self, module: Path, first: int, last: int) -> tuple[set[str], bool]:
        """The tests that ran one of the lines, and whether they are all that can matter.

        They aren't when a line ran outside of a test's own call: at import, in a fixture (which
        may serve many tests) or in another process.
        """
        lines = self.by_line.get(str(module), {})
        contexts = set[str]().union(*(lines.get(str(each), []) for each in range(first, last + 1)))
        tests = {each.removesuffix("|run") for each in contexts if each.endswith("|run")}
        return tests & self.seconds.keys(), bool(contexts) and tests == _names(contexts)

    def of_module(self, module: Path) -> set[str]:
        """The tests that ran anything of the module."""
        contexts = set[str]().union(*self.by_line.get(str(module), {}).values())
        return _names(contexts) & self.seconds.keys()

    def ordered(self, tests: Iterable[str], limit_seconds: float = float("inf")) -> list[str]:
        """First what has killed before, then unit tests; of each class the quickest, then the next.

        As many as fit into the limit: so something of most classes is tried even then.
        """
        quick_first = sorted(tests, key=lambda test: (self.seconds[test], test))
        rank, places = {}, Counter[str]()
        for test in quick_first:
            rank[test] = places[_group(test)]
            places[_group(test)] += 1
        order = sorted(
            quick_first,
            key=lambda test: (-self.kills.get(test, 0), "/unit/" not in test, rank[test]),
        )
        ends = accumulate(self.seconds[test] for test in order)
        fitting = [test for test, end in zip(order, ends, strict=True) if end <= limit_seconds]
        return fitting or order[:1]


def _group(test: str) -> str:
    """The class of a test, or its function."""
    function = test.partition("[")[0]
    return function.rpartition("::")[0] if function.count("::") > 1 else function


def _names(contexts: Iterable[str]) -> set[str]:
    return {context.rpartition("|")[0] for context in contexts}


def environment(**more: str) -> dict[str, str]:
    """The environment of this process, with our modules, and nothing written beside the sources."""
    path = [str(TOOLS), str(TOOLS / "mutation/site"), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        **more,
    }


def recall_or_record_tests(folder: Path, source: str, memory: Path, tests: Sequence[str]) -> Suite:
    """As `record_tests`, or what the file of that name still knows of the same code and tests."""
    digest = hashlib.sha256()
    for file in sorted([*(folder / source).rglob("*.py"), *(folder / "tests").rglob("*.py")]):
        digest.update(file.read_bytes())
    if memory.exists():
        kept = json.loads(memory.read_text())
        if kept.pop("of") == digest.hexdigest():
            return Suite(**kept)
    suite = record_tests(folder, source, tests)
    memory.parent.mkdir(exist_ok=True)
    memory.write_text(json.dumps({"of": digest.hexdigest(), **vars(suite), "kills": {}}))
    return suite


def record_tests(folder: Path, source: str, tests: Sequence[str]) -> Suite:
    """Run these of the package's tests once, with coverage.

    Raises:
        TestsFailed: a test fails.
    """
    with tempfile.TemporaryDirectory() as place:
        settings = Path(place, "coveragerc")
        settings.write_text(_COVERAGE.format(source=folder / source, folder=place))
        record = Path(place, "record.json")
        options = ["-q", "-p", "no:cacheprovider", "-p", "mutation.recorder", "-p", "no:randomly"]
        # Coverage slows tests, and a busy machine too: their own limits of time say nothing here.
        options += ["-o", "timeout=0", *tests]
        coverage = [f"--cov-config={settings}", "--cov", "--cov-context=test", "--cov-report="]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *coverage],
            cwd=folder,
            env=environment(**{recorder.VARIABLE: str(record)}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise TestsFailed(done.stdout)
        return Suite(**json.loads(record.read_text()), by_line=_read_lines(Path(place, "coverage")))


def _read_lines(file: Path) -> dict[str, dict[str, list[str]]]:
    data = CoverageData(str(file))
    data.read()
    return {
        module: {str(line): contexts for line, contexts in data.contexts_by_lineno(module).items()}
        for module in data.measured_files()
    }
