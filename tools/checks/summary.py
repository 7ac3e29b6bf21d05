"""The table at the end: what ran, what could not, and how to make it run."""

from collections.abc import Iterable, Sequence

from checks.results import Counts, Outcome, Result

_HEADINGS = ("step", "Python", "database", "result", "seconds", "passed", "failed", "skipped")
_FIRST_NUMBER = _HEADINGS.index("seconds")


def summarise(results: Sequence[Result]) -> str:
    """A table of the results, the reasons of what was not run, and the sums as the last line."""
    parts = [
        _table([_HEADINGS, *map(_row, results)]),
        _paragraph(
            "Failed tests:",
            (f"{result.step}: {test}" for result in results for test in result.failed_tests),
        ),
        _paragraph("Missing:", dict.fromkeys(result.reason for result in results if result.reason)),
        str(sum((result.counts for result in results if result.counts), Counts())),
    ]
    return "\n\n".join(filter(None, parts))


def _row(result: Result) -> tuple[str, ...]:
    step, counts = result.step, result.counts
    numbers = (counts.passed, counts.failed, counts.skipped) if counts else ("", "", "")
    seconds = "" if result.outcome == Outcome.NOT_RUN else f"{result.seconds:.1f}"
    return (step.name, step.python, step.database, result.outcome, seconds, *map(str, numbers))


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.rjust(width) if column >= _FIRST_NUMBER else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _paragraph(heading: str, lines: Iterable[str]) -> str:
    text = "\n".join(f"  {line}" for line in lines)
    return f"{heading}\n{text}" if text else ""
