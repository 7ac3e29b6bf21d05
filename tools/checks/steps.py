"""What there is to check: one step is one call of one tox environment."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from checks.pythons import CURRENT

_PACKAGES = {
    "chassis": "shared/chassis",
    "testing": "shared/testing",
    "users": "services/users",
    "items": "services/items",
}
# The testing package starts databases itself where its tests need one.
_WITHOUT_DATABASE = {"testing"}
_DATABASES = ("sqlite", "postgres")
_NOT_SLOW = ("-m", "not slow")
# Of property tests fewer examples.
_BRIEF = "--hypothesis-profile=brief"
NAMES = (
    *("lint", "types", "docs", "pipelines", "tools", "stack", "alerts", *_PACKAGES),
    *("contracts", "drift", "e2e", "compose", "faults", "chaos", "schemathesis", "coverage"),
)


class UnknownStep(Exception):
    """A step was asked for that there isn't. The text names those that there are."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A tox environment to run in a folder; `python` is empty where any will do."""

    name: str
    folder: Path
    tox_env: str
    is_pytest: bool = False
    python: str = ""
    database: str = ""
    workers: int = 1
    """Processes that share the tests (pytest-xdist)."""
    options: tuple[str, ...] = ()
    """More of them, of pytest or of the step's own command."""
    needs_docker: bool = False
    reports: tuple[Path, ...] = ()
    """JUnit reports that it writes by itself, of pytest runs of its own."""
    program: str = ""
    """What has to be on the PATH, beside Python."""
    is_first: bool = False
    """It takes long, or waits for much: whatever is started beside it ends with it, or before."""

    def __str__(self) -> str:
        qualifiers = ", ".join(filter(None, [self.python, self.database]))
        return f"{self.name} ({qualifiers})" if qualifiers else self.name

    @property
    def lane(self) -> str:
        """Steps of one lane run one after another: those of a package share its files, and stacks the machine."""
        return "containers" if self.needs_docker else self.name

    @property
    def environment_folder(self) -> Path:
        return self.folder / ".tox" / self.tox_env


def plan_steps(
    root: Path, *, pythons: Sequence[str], is_thorough: bool, only: Sequence[str]
) -> list[Step]:
    """The steps in the order in which they are shown; only those named, when any is.

    Raises:
        UnknownStep: a name isn't one.
    """
    if unknown := set(only) - set(NAMES):
        raise UnknownStep(f"No step is named {min(unknown)}; there are: {', '.join(NAMES)}.")
    brief = () if is_thorough else _NOT_SLOW
    measures = is_thorough and (not only or "coverage" in only)
    steps = [
        Step(name="lint", folder=root, tox_env="lint"),
        Step(name="types", folder=root, tox_env="types"),
        Step(name="docs", folder=root, tox_env="docs", is_pytest=True, options=brief),
        Step(name="pipelines", folder=root, tox_env="pipelines", is_pytest=True),
        Step(name="tools", folder=root, tox_env="tools", is_pytest=True, options=brief),
        Step(name="stack", folder=root, tox_env="stack", is_pytest=True),
        Step(
            name="alerts",
            folder=root,
            tox_env="alerts",
            is_pytest=True,
            options=brief,
            program="promtool",
        ),
    ]
    for name, folder in _PACKAGES.items():
        # What is measured runs the same tests on this Python: once is enough.
        remaining = [python for python in pythons if not (measures and python == CURRENT)]
        steps += _package_steps(name, root / folder, remaining, is_thorough=is_thorough)
    steps += [Step(name="contracts", folder=root, tox_env="contracts")]
    if is_thorough or "drift" in only:
        # A sample: all of them take minutes, and only a change of the gate concerns them all.
        sample = ("--sample=8",)
        steps += [Step(name="drift", folder=root, tox_env="contract-drift", options=sample)]
    steps += _workflow_steps(root, is_thorough=is_thorough or "e2e" in only)
    steps += _compose_steps(root, is_thorough=is_thorough, only=only)
    if is_thorough or "chaos" in only:
        steps += [
            Step(name="chaos", folder=root, tox_env="chaos", is_pytest=True, database=database)
            for database in _DATABASES
        ]
    if is_thorough or "schemathesis" in only:
        # On one database: what a description says doesn't depend on it.
        steps += [Step(name="schemathesis", folder=root, tox_env="schemathesis", database="sqlite")]
    if is_thorough or "coverage" in only:
        steps += [_coverage_step(root)]
    return [step for step in steps if not only or step.name in only]


def _coverage_step(root: Path) -> Step:
    names = ("report.xml", "report-postgres.xml")
    reports = tuple(root / folder / name for folder in _PACKAGES.values() for name in names)
    return Step(
        name="coverage",
        folder=root,
        tox_env="coverage",
        options=("--brief",),
        reports=reports,
        is_first=True,
    )


def _workflow_steps(root: Path, *, is_thorough: bool) -> list[Step]:
    """Both services as processes. In short: on one database, and neither is killed on the way."""
    return [
        Step(
            name="e2e",
            folder=root,
            tox_env="e2e-local",
            is_pytest=True,
            database=database,
            options=() if is_thorough else _NOT_SLOW,
        )
        for database in (_DATABASES if is_thorough else _DATABASES[:1])
    ]


def _compose_steps(root: Path, *, is_thorough: bool, only: Sequence[str]) -> list[Step]:
    """The same workflows in containers; what ends them is left to the faults, which do it under load."""
    workflows = Step(
        name="compose",
        folder=root,
        tox_env="e2e",
        is_pytest=True,
        options=_NOT_SLOW,
        needs_docker=True,
        is_first=True,
    )
    faults = Step(
        name="faults", folder=root, tox_env="e2e-faults", is_pytest=True, needs_docker=True
    )
    return [workflows, faults] if is_thorough or "faults" in only else [workflows]


def _package_steps(
    name: str, folder: Path, pythons: Sequence[str], *, is_thorough: bool
) -> list[Step]:
    # One Python runs all tests with all their examples, which no other Python would judge otherwise, and in
    # parallel: that each worker has a database of its own holds on all or on none.
    thorough = pythons[-1] if is_thorough else None
    databases = ("",) if name in _WITHOUT_DATABASE else _DATABASES
    return [
        Step(
            name=name,
            folder=folder,
            tox_env="py" + python.replace(".", ""),
            is_pytest=True,
            python=python,
            database=database,
            workers=2 if python == thorough else 1,
            options=_package_options(
                is_brief=python != thorough,
                with_contracts=is_thorough,
                on_a_second_database=database in databases[1:],
            ),
        )
        for python in pythons
        for database in databases
    ]


def _package_options(
    *, is_brief: bool, with_contracts: bool, on_a_second_database: bool
) -> tuple[str, ...]:
    narrowing = {
        # They have a step of their own, which also sees whether one is missing.
        "not contract": not with_contracts,
        "not slow": is_brief,
        # For tests without a database once is enough.
        "database": on_a_second_database,
    }
    tests = " and ".join(marker for marker, is_wanted in narrowing.items() if is_wanted)
    return (*((_BRIEF,) if is_brief else ()), *(("-m", tests) if tests else ()))
