"""Mutation testing: `tox -e mutation`, for a package `tox -e mutation -- chassis`, for some
modules `tox -e mutation -- chassis/tokens items/routers/items`, with `--sample 10` for ten mutants
of each module, with `--tests tests/unit` by some tests alone, with `--database postgres` for what
only PostgreSQL runs.

Changes the code, one place at a time, and lists the changes that no test notices. A package's share
of noticed ones has a floor. What is changed, and what to do about a survivor: docs/mutation.md.
"""

import argparse
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mutation.explained import Explanations
from mutation.mutants import Mutant, choose_sample, make_mutants
from mutation.package import TestsFailed, recall_or_record_tests
from mutation.trial import Confused, Trial
from mutation.verdicts import Memory, Verdict

from service_testing import postgres

EXIT_PASSED = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
ALL_TESTS = ["tests"]


@dataclass(frozen=True)
class Tried:
    """What came of a module: of all its mutants, or of a sample of them."""

    module: str
    mutants: Sequence[Mutant]
    verdicts: Sequence[Verdict]


@dataclass(frozen=True)
class Package:
    """A folder, its least score in per cent, and the modules that have to reach it, by patterns."""

    root: Path
    name: str
    floor: float
    patterns: Sequence[str]

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def source(self) -> str:
        """The folder of its code, `src` or `app`."""
        return self.patterns[0].partition("/")[0]

    def modules(self, names: Sequence[str]) -> list[Path]:
        """Those with the names, such as `tokens` or `routers/items`; with "", those of the floor."""
        patterns = [f"{self.source}/**/{name}.py" for name in names if name]
        patterns += self.patterns if "" in names else []
        return sorted({file for each in patterns for file in self.folder.glob(each)})


def main(root: Path, arguments: Sequence[str]) -> int:
    """Try the mutants of the targets, all when there are none; the exit code."""
    options = _parse(arguments)
    packages = {Path(package.name).name: package for package in _read_packages(root)}
    explanations = Explanations(root / "docs/mutation-survivors.toml")
    wanted: dict[str, list[str]] = {}
    for target in options.targets or packages:
        name, _, module = target.partition("/")
        if name not in packages or not packages[name].modules([module]):
            known = ", ".join(packages)
            print(f"Nothing to change in {target}; there are: {known}.", file=sys.stderr)
            return EXIT_USAGE
        wanted.setdefault(name, []).append(module)
    with ExitStack() as stack:
        if options.database == "postgres":
            stack.enter_context(on_postgres())
        passed = [
            _check(packages[name], modules, explanations, options)
            for name, modules in wanted.items()
        ]
    return EXIT_PASSED if all(passed) else EXIT_FAILED


@contextmanager
def on_postgres() -> Iterator[None]:
    """Tests run on PostgreSQL for the block: all of them on one server, for each mutant is a run."""
    with postgres.server() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv(postgres.URL_VARIABLE, url)
        patch.setenv("PYTEST_ADDOPTS", "--database=postgres")
        yield


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tox -e mutation --")
    parser.add_argument("targets", nargs="*", help="packages, or modules such as chassis/tokens")
    parser.add_argument(
        "--sample", type=int, metavar="N", help="of each module try N mutants, always the same"
    )
    parser.add_argument(
        "--tests",
        nargs="+",
        default=ALL_TESTS,
        metavar="PATH",
        help="only these, such as tests/unit: much quicker, and of the score a lower bound",
    )
    parser.add_argument(
        "--database",
        choices=("sqlite", "postgres"),
        default="sqlite",
        help="what the tests run on; of what only PostgreSQL runs, nothing is noticed on SQLite",
    )
    options = parser.parse_args(arguments)
    if options.sample is not None and options.sample < 1:
        parser.error("a sample has at least one mutant")
    return options


def _check(
    package: Package,
    modules: Sequence[str],
    explanations: Explanations,
    options: argparse.Namespace,
) -> bool:
    name = package.folder.name
    try:
        tried = list(_try_mutants(package, package.modules(modules), options))
    except (TestsFailed, Confused) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return False
    is_whole = "" in modules and options.tests == ALL_TESTS and options.database == "sqlite"
    floor = package.floor if is_whole else None
    return _report(name, tried, explanations, floor=floor)


def _read_packages(root: Path) -> Iterator[Package]:
    settings: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["tool"]
    for name, floor in settings["mutation-floors"].items():
        yield Package(root, name, floor, settings["mutation-modules"][name])


def _try_mutants(
    package: Package, modules: Sequence[Path], options: argparse.Namespace
) -> Iterator[Tried]:
    memory = Memory(_cache(package, options), package.folder)
    trial = None
    with ExitStack() as stack:
        for file in modules:
            module = str(file.relative_to(package.root))
            mutants = make_mutants(file.read_text())
            chosen = choose_sample(mutants, options.sample) if options.sample else mutants
            known = [memory.recall(module, mutant) for mutant in chosen]
            if None in known:
                trial = trial or stack.enter_context(_open_trial(package, options))
                trial.check_original(file)
            verdicts = [
                recalled or _try(trial, memory, module, file, mutant)
                for mutant, recalled in zip(chosen, known, strict=True)
            ]
            print(f"{module}: {len(chosen)} of {len(mutants)} mutants", flush=True)
            yield Tried(module, mutants, verdicts)


def _open_trial(package: Package, options: argparse.Namespace) -> Trial:
    print(f"{package.name}: running the tests without a mutant ...", flush=True)
    memory = _cache(package, options, "-tests")
    return Trial(
        package.folder,
        recall_or_record_tests(package.folder, package.source, memory, options.tests),
    )


def _cache(package: Package, options: argparse.Namespace, suffix: str = "") -> Path:
    """What is kept of the package: apart for some of its tests, and on PostgreSQL."""
    parts = [package.folder.name]
    parts += [] if options.tests == ALL_TESTS else [Path(each).stem for each in options.tests]
    parts += [] if options.database == "sqlite" else [options.database]
    return package.root / ".mutation_cache" / f"{'-'.join(parts)}{suffix}.json"


def _try(trial: Trial | None, memory: Memory, module: str, file: Path, mutant: Mutant) -> Verdict:
    if trial is None:
        raise Confused("Nothing to try mutants in.")
    verdict = Verdict(mutant, module, trial.find_killer(file, mutant))
    memory.keep(verdict)
    return verdict


def _report(
    name: str, tried: Sequence[Tried], explanations: Explanations, *, floor: float | None
) -> bool:
    """Print the survivors and the scores; true when the package keeps its floor."""
    verdicts = [verdict for each in tried for verdict in each.verdicts]
    survivors = [verdict for verdict in verdicts if verdict.killer is None]
    unexplained = [verdict for verdict in survivors if explanations.of(verdict) is None]
    for verdict in unexplained:
        print(f"\nSurvived: {_place(verdict.module, verdict.mutant)}\n{verdict.mutant.diff}")
    known = {verdict.mutant.key for verdict in verdicts}
    untried = [(t.module, each) for t in tried for each in t.mutants if each.key not in known]
    for stale in explanations.stale(verdicts, untried):
        print(f"\nExplained, but doesn't survive: {stale}")
    print(f"\n| {'Module':50} | Mutants | Tried | Killed | Explained | Unexplained | Score |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for each in tried:
        _print_row(each.module, [each], unexplained)
    score = _print_row(f"**{name}**", tried, unexplained)
    if floor is None:
        return True
    word = "passed" if score >= floor else "FAILED"
    print(f"\n{word:8}{name}: {score:.1f} %, the floor is {floor} %")
    return score >= floor


def _print_row(title: str, tried: Sequence[Tried], unexplained: Sequence[Verdict]) -> float:
    verdicts = [verdict for each in tried for verdict in each.verdicts]
    killed = sum(verdict.killer is not None for verdict in verdicts)
    open_ones = sum(verdict in unexplained for verdict in verdicts)
    score = 100 * killed / max(len(verdicts), 1)
    counts = (
        sum(len(each.mutants) for each in tried),
        len(verdicts),
        killed,
        len(verdicts) - killed - open_ones,
        open_ones,
    )
    print(f"| {title:50} | {' | '.join(map(str, counts))} | {score:.1f} % |")
    return score


def _place(module: str, mutant: Mutant) -> str:
    inside = f", {mutant.inside}" if mutant.inside else ""
    return f"{module}:{mutant.lines[0]}{inside}"


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent, sys.argv[1:]))
