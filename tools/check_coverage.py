"""Hold each package to its floor of branch coverage, and combine one total: `tox -e coverage`.

Each package's tests run in a process of their own, because every service is called `app`, and under
`coverage run`: pytest imports its plugins before pytest-cov starts to measure. The floors lie in the
root's pyproject.toml: in a package's own file pytest-cov would hold a run of one test to them.

With --combine no test is run: the total is made of what earlier runs have left in the packages.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coverage import Coverage

EXIT_PASSED = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
# The contracts gate runs the contract tests, once, and counts what they verify: a stricter measure.
COVERAGE = [sys.executable, "-m", "coverage", "run", "--omit=tests/contract/*", "-m"]
# Another run in the same folder, such as `make check` has, must not find its cache half written.
PYTEST = [*COVERAGE, "pytest", "-q", "-p", "no:cacheprovider"]
EXCEPT_CONTRACTS = ["-m", "not contract"]
ON_POSTGRES = ["-m", "integration", "--database=postgres"]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a package; `floor` is None where its tests can't reach one on SQLite alone."""

    folder: str
    tests_passed: bool
    percent: float
    floor: float | None

    @property
    def passed(self) -> bool:
        return self.tests_passed and self.percent >= (self.floor or 0)

    def __str__(self) -> str:
        floor = f"the floor is {self.floor} %"
        if self.floor is None:
            floor = "its floor needs PostgreSQL, and no server was found"
        tests = "" if self.tests_passed else "; a test failed"
        word = "passed" if self.passed else "FAILED"
        return f"{word:8}{self.folder}: {self.percent:.2f} %, {floor}{tests}"


def main(root: Path, only: Sequence[str]) -> int:
    """Check the packages in the folders `only`, all when it's empty; the exit code."""
    if "--combine" in only:
        return _combine(root)
    with_postgres = _finds_postgres()
    floors = _read_floors(root, with_postgres=with_postgres)
    if unknown := set(only) - floors.keys():
        print(f"{min(unknown)} has no floor; there are: {', '.join(floors)}.", file=sys.stderr)
        return EXIT_USAGE
    results = [
        _check(root, folder, floors[folder], with_postgres=with_postgres)
        for folder in only or floors
    ]
    _title("All together")
    _report(root, [root / result.folder / ".coverage" for result in results])
    print("", *results, sep="\n")
    return EXIT_PASSED if all(result.passed for result in results) else EXIT_FAILED


def _combine(root: Path) -> int:
    """One total, of the packages that were measured."""
    data = [root / folder / ".coverage" for folder in _read_floors(root, with_postgres=True)]
    measured = [file for file in data if file.exists()]
    if not measured:
        print("No package was measured: there is nothing to combine.", file=sys.stderr)
        return EXIT_FAILED
    _title("Together, " + ", ".join(file.parent.name for file in measured))
    _report(root, measured)
    return EXIT_PASSED


def _finds_postgres() -> bool:
    command = [sys.executable, "-m", "service_testing.postgres", "find"]
    return subprocess.run(command, check=False).returncode == 0


def _read_floors(root: Path, *, with_postgres: bool) -> dict[str, float | None]:
    settings: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())
    floors: dict[str, dict[str, float]] = settings["tool"]["coverage-floors"]
    both, sqlite = floors["sqlite-and-postgres"], floors["sqlite-alone"]
    return {folder: both[folder] if with_postgres else sqlite.get(folder) for folder in both}


def _check(root: Path, name: str, floor: float | None, *, with_postgres: bool) -> Result:
    """Run the package's tests and write its reports."""
    _title(name)
    folder = root / name
    for old in [folder / ".coverage", *folder.glob(".coverage.*")]:
        old.unlink(missing_ok=True)
    runs = [[*EXCEPT_CONTRACTS, "--junitxml=report.xml"]]
    if with_postgres:
        runs += [[*ON_POSTGRES, "--junitxml=report-postgres.xml"]]
    exit_codes = [
        subprocess.run([*PYTEST, *options], cwd=folder, check=False).returncode for options in runs
    ]
    return Result(
        folder=name, tests_passed=not any(exit_codes), percent=_report(folder), floor=floor
    )


def _report(folder: Path, data: Iterable[Path] = ()) -> float:
    """Combine the data, the folder's own unless named, and write all reports; per cent covered."""
    with chdir(folder):
        coverage = Coverage()
        paths = [str(path) for path in data]
        coverage.combine(paths or None, strict=True, keep=bool(paths))
        coverage.save()
        coverage.xml_report()
        coverage.html_report()
        percent = coverage.report()
        coverage.get_data().close()  # its database would stay open until the collector comes
        return percent


def _title(text: str) -> None:
    print(f"\n{text}:", flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent, sys.argv[1:]))
