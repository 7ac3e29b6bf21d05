"""Hold each package to its floor of branch coverage, and combine one total: `tox -e coverage`.

Each package's tests run in a process of their own, because every service is called `app`, and under
`coverage run`: pytest imports its plugins before pytest-cov starts to measure. The floors lie in the
root's pyproject.toml: in a package's own file pytest-cov would hold a run of one test to them.

With --brief property tests try fewer examples. With --combine no test is run: the total is made of
what earlier runs have left in the packages.
"""

import argparse
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
# What takes no database runs there as it did on SQLite.
ON_POSTGRES = ["-m", "integration and database", "--database=postgres"]
BRIEF = ["--hypothesis-profile=brief"]


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


def main(root: Path, arguments: Sequence[str]) -> int:
    """Check the packages in the folders that are named, all when none is; the exit code."""
    options = _parse(arguments)
    if options.combine:
        return _combine(root)
    only: list[str] = options.folders
    with_postgres = _finds_postgres()
    floors = _read_floors(root, with_postgres=with_postgres)
    if unknown := set(only) - floors.keys():
        print(f"{min(unknown)} has no floor; there are: {', '.join(floors)}.", file=sys.stderr)
        return EXIT_USAGE
    pytest = [*PYTEST, *(BRIEF if options.brief else [])]
    results = [
        _check(root, folder, floors[folder], pytest, with_postgres=with_postgres)
        for folder in only or floors
    ]
    _title("All together")
    _report(root, [root / result.folder / ".coverage" for result in results])
    print("", *results, sep="\n")
    return EXIT_PASSED if all(result.passed for result in results) else EXIT_FAILED


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tox -e coverage --", description="Branch coverage.")
    parser.add_argument("folders", nargs="*", help="packages, such as services/users; all if none")
    parser.add_argument("--brief", action="store_true", help="fewer examples of property tests")
    parser.add_argument("--combine", action="store_true", help="run nothing, total what was run")
    return parser.parse_args(arguments)


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
    command = [sys.executable, "-m", "service_testing.postgres", "run", "--", "true"]
    return subprocess.run(command, check=False).returncode == 0


def _read_floors(root: Path, *, with_postgres: bool) -> dict[str, float | None]:
    settings: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())
    floors: dict[str, dict[str, float]] = settings["tool"]["coverage-floors"]
    both, sqlite = floors["sqlite-and-postgres"], floors["sqlite-alone"]
    return {folder: both[folder] if with_postgres else sqlite.get(folder) for folder in both}


def _check(
    root: Path, name: str, floor: float | None, pytest: Sequence[str], *, with_postgres: bool
) -> Result:
    """Run the package's tests and write its reports."""
    _title(name)
    folder = root / name
    for old in [folder / ".coverage", *folder.glob(".coverage.*")]:
        old.unlink(missing_ok=True)
    runs = [[*EXCEPT_CONTRACTS, "--junitxml=report.xml"]]
    if with_postgres:
        runs += [[*ON_POSTGRES, "--junitxml=report-postgres.xml"]]
    exit_codes = [
        subprocess.run([*pytest, *options], cwd=folder, check=False).returncode for options in runs
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
