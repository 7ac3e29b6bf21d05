"""What came of a step."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from textwrap import shorten
from xml.etree import ElementTree as ET

from checks.steps import Step

_LONGEST_MESSAGE = 300


class Outcome(StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "FAILED"
    NOT_RUN = "not run"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How the tests of a pytest run, or of several, went."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            passed=self.passed + other.passed,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
        )

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a step went; `counts` only of pytest, `reason` when something was missing."""

    step: Step
    outcome: Outcome
    seconds: float = 0.0
    counts: Counts | None = None
    failed_tests: list[str] = field(default_factory=list)
    reason: str = ""

    def __str__(self) -> str:
        counts = f": {self.counts}" if self.counts else ""
        details = f": {self.reason}" if self.reason else f"{counts} in {self.seconds:.1f} s"
        return f"{self.outcome:8}{self.step}{details}"


def read_reports(reports: Iterable[Path]) -> tuple[Counts, list[str]]:
    """The sum of the counts, and of each failed test its name and message; a report may be missing."""
    read = [_read_report(report) for report in reports if report.exists()]
    failed_tests = [name for _, names in read for name in names]
    return sum((counts for counts, _ in read), Counts()), failed_tests


def _read_report(report: Path) -> tuple[Counts, list[str]]:
    passed, skipped, failed_tests = 0, 0, []
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - our own pytest wrote it
        failures = [element for element in case if element.tag in ("failure", "error")]
        if failures:
            test = f"{case.get('classname')}.{case.get('name')}"
            failed_tests.append(f"{test}: {_first_line(failures[0])}")
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return Counts(passed=passed, failed=len(failed_tests), skipped=skipped), failed_tests


def _first_line(failure: ET.Element) -> str:
    lines = (failure.get("message") or failure.text or "").strip().splitlines()
    return shorten(lines[0], _LONGEST_MESSAGE, placeholder=" ...") if lines else "without a message"
