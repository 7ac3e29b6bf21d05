"""From runs to figures: CPU time per request, and its ratio to the reference."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.load import Load

TOLERANCE = 0.2
HOW_TO_READ = f"""
How to read it: each cell with a colon is `service : reference`. "ratio" is the median, over pairs of runs one after the
other, of the CPU time per request of the service's process, divided by that of the reference; "spread" is the least and
the greatest. More than {TOLERANCE} over the limit fails. Use an idle machine: on a busy one ratios move both ways, and
requests per second depend on the machine in any case. More: docs/performance.md
"""
_HEAD = f"{'route':<16} {'CPU per request, us':>22} {'ratio':>6} {'spread':>14} {'limit':>6} {'requests/s':>16}"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of load, and the CPU time that the server's process used during it."""

    load: Load
    cpu_seconds: float

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU per request."""
        return 1e6 * self.cpu_seconds / self.load.requests


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A route of the product compared with the reference. Pairs are the product's run and the reference's."""

    route: str
    limit: float
    pairs: Sequence[tuple[Run, Run]]

    @property
    def ratios(self) -> list[float]:
        return [product.cpu_us / reference.cpu_us for product, reference in self.pairs]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def is_within_limit(self) -> bool:
        return self.ratio <= self.limit + TOLERANCE

    def __str__(self) -> str:
        spread = f"({min(self.ratios):.2f}-{max(self.ratios):.2f})"
        mark = "" if self.is_within_limit else "  over the limit"
        return (
            f"{self.route:<16} {self._medians(lambda run: run.cpu_us):>22} {self.ratio:>6.2f}"
            f" {spread:>14} {self.limit:>6.1f}"
            f" {self._medians(lambda run: run.load.requests / run.load.seconds):>16}{mark}"
        )

    def _medians(self, figure: Callable[[Run], float]) -> str:
        product, reference = (
            statistics.median(map(figure, runs)) for runs in zip(*self.pairs, strict=True)
        )
        return f"{product:.0f} : {reference:.0f}"


def as_table(comparisons: Sequence[Comparison]) -> str:
    """One line per route, below the headings."""
    return "\n".join([_HEAD, *map(str, comparisons)])
