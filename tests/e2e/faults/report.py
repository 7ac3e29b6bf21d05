"""The table of faults: the effect of each, and how soon it was over."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Figures:
    fault: str
    sent: int
    failed: int
    """Answered with 503, or not at all."""
    lost_writes: int
    outage_seconds: float
    """The time from the first failure to the last."""
    recovery_seconds: float
    """The time from the end of the fault to the last failure."""
    convergence_seconds: float
    """The time from the end of the load until both services were idle."""
    events: int
    duplicates: int
    """Events that were received again."""
    differences: int


_HEADINGS = (
    *("fault", "sent", "failed", "lost", "outage s", "recovery s", "convergence s"),
    *("events", "duplicates", "differences"),
)


def table(rows: Sequence[Figures]) -> str:
    lines = [_HEADINGS, *(tuple(map(_cell, asdict(row).values())) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in lines
    )


def save(rows: Sequence[Figures], path: Path) -> None:
    path.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def _cell(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
