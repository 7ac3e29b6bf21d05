"""From runs to figures: CPU time per request, and its ratio to the reference."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from compare.load import Load


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of load, and the CPU time that the server's process took meanwhile."""

    load: Load
    cpu_seconds: float

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU per request."""
        return 1e6 * self.cpu_seconds / self.load.requests


@dataclass(frozen=True, kw_only=True)
class Side:
    """The median run of a server."""

    cpu_us: float
    requests_per_second: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A route of the product beside the reference. The ratio is of CPU time per request."""

    route: str
    limit: float
    product: Side
    reference: Side
    ratio: float
    """The median of the repeats: each compares two runs that followed on each other."""
    ratio_least: float
    ratio_most: float

    @property
    def is_within_limit(self) -> bool:
        return self.ratio <= self.limit


def compare(route: str, limit: float, repeats: Sequence[tuple[Run, Run]]) -> Comparison:
    """`repeats` are pairs: the product's run and the reference's."""
    ratios = [product.cpu_us / reference.cpu_us for product, reference in repeats]
    return Comparison(
        route=route,
        limit=limit,
        product=_median_side([product for product, _ in repeats]),
        reference=_median_side([reference for _, reference in repeats]),
        ratio=statistics.median(ratios),
        ratio_least=min(ratios),
        ratio_most=max(ratios),
    )


def _median_side(runs: Sequence[Run]) -> Side:
    return Side(
        cpu_us=statistics.median(run.cpu_us for run in runs),
        requests_per_second=statistics.median(run.load.requests / run.load.seconds for run in runs),
        p50_ms=statistics.median(run.load.p50_ms for run in runs),
        p99_ms=statistics.median(run.load.p99_ms for run in runs),
    )
