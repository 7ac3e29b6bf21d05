"""The graph: consumers on the left, providers on the right, and an arrow for each pact."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.report.rows import VERIFIED, Row

_ROW_HEIGHT = 110
"""So that the texts of two arrows that cross don't overlap."""


@dataclass(frozen=True)
class Edge:
    consumer: str
    provider: str
    text: str
    """The verified interactions of all, by transport: `HTTP 12/12, message 1/2`."""
    is_verified: bool


@dataclass(frozen=True)
class Graph:
    consumers: dict[str, int]
    """The height of each, from the top."""
    providers: dict[str, int]
    edges: list[Edge]

    @property
    def height(self) -> int:
        return _ROW_HEIGHT * max(len(self.consumers), len(self.providers), 1)


def graph_of(rows: Sequence[Row]) -> Graph:
    pacts: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        pacts.setdefault((row.interaction.consumer, row.interaction.provider), []).append(row)
    consumers, providers = (
        {name: _ROW_HEIGHT * number + _ROW_HEIGHT // 2 for number, name in enumerate(sorted(names))}
        for names in ({pact[0] for pact in pacts}, {pact[1] for pact in pacts})
    )
    edges = [Edge(*pact, *_counted(of_pact)) for pact, of_pact in sorted(pacts.items())]
    return Graph(consumers, providers, edges)


def _counted(rows: Sequence[Row]) -> tuple[str, bool]:
    total = Counter(row.transport for row in rows)
    verified = Counter(row.transport for row in rows if row.outcome == VERIFIED)
    text = ", ".join(f"{each} {verified[each]}/{total[each]}" for each in sorted(total))
    return text, verified == total
