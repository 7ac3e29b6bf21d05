"""The graph: a box for each service, an arrow from each consumer to its provider for each transport."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.report.rows import VERIFIED, Row

_BOX_HEIGHT = 52.0
_Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    name: str
    x: float
    y: float
    """The position of its centre."""
    width: float
    height: float = _BOX_HEIGHT


@dataclass(frozen=True)
class Edge:
    consumer: str
    provider: str
    transport: str
    verified: int
    total: int
    path: str = ""
    label: _Point = (0, 0)

    @property
    def is_verified(self) -> bool:
        return self.verified == self.total


@dataclass(frozen=True)
class Graph:
    boxes: list[Box]
    edges: list[Edge]
    width: float
    height: float


def graph_of(services: Sequence[str], rows: Sequence[Row]) -> Graph:
    boxes = _placed(services)
    counted = Counter(_end_points(row) for row in rows)
    verified = Counter(_end_points(row) for row in rows if row.outcome == VERIFIED)
    # Edges between the same two services are drawn side by side.
    between_pairs: dict[tuple[str, ...], list[tuple[str, str, str]]] = {}
    for each in sorted(counted):
        between_pairs.setdefault(tuple(sorted(each[:2])), []).append(each)
    edges = []
    for pair, between in between_pairs.items():
        gap = _gap(boxes[pair[0]], boxes[pair[1]])
        for number, each in enumerate(between):
            bend = (number - (len(between) - 1) / 2) * gap
            path, label = _curve(boxes[pair[0]], boxes[pair[1]], bend, each[1] == pair[0])
            edges.append(Edge(*each, verified[each], counted[each], path, label))
    lowest = max(
        [*(box.y + box.height for box in boxes.values()), *(edge.label[1] + 40 for edge in edges)]
    )
    return Graph(list(boxes.values()), edges, 760, lowest + 8)


def _end_points(row: Row) -> tuple[str, str, str]:
    return row.interaction.consumer, row.interaction.provider, row.transport


def _placed(services: Sequence[str]) -> dict[str, Box]:
    """The boxes in a circle, the first on the left."""
    ordered, boxes = sorted(services), {}
    height = 140.0 if len(ordered) <= 2 else 70.0 * len(ordered)  # noqa: PLR2004 - a pair has no height
    for number, name in enumerate(ordered):
        angle = math.pi + 2 * math.pi * number / len(ordered)
        width = max(104.0, 11 * len(name) + 36.0)
        boxes[name] = Box(
            name, 380 + 290 * math.cos(angle), height + (height - 50) * math.sin(angle), width
        )
    return boxes


def _gap(first: Box, second: Box) -> float:
    """The distance at which the labels of two edges don't overlap."""
    dx, dy = second.x - first.x, second.y - first.y
    return (124 * abs(dx) + 240 * abs(dy)) / (math.hypot(dx, dy) or 1)


def _curve(first: Box, second: Box, bend: float, is_backward: bool) -> tuple[str, _Point]:
    """The same curve in both directions; the path goes from consumer to provider."""
    if first == second:
        top = first.y - first.height / 2
        left, right, high = first.x - 20, first.x + 20, top - 60
        loop = f"M{left:.1f} {top:.1f} C{left - 40:.1f} {high:.1f} {right + 40:.1f} {high:.1f} {right:.1f} {top:.1f}"
        return loop, (first.x, top - 45)
    length = math.hypot(second.x - first.x, second.y - first.y)
    middle = (
        (first.x + second.x) / 2 - bend * (second.y - first.y) / length,
        (first.y + second.y) / 2 + bend * (second.x - first.x) / length,
    )
    start, end = _border(first, middle), _border(second, middle)
    label = tuple((start[i] + 2 * middle[i] + end[i]) / 4 for i in (0, 1))
    if is_backward:
        start, end = end, start
    path = (
        f"M{start[0]:.1f} {start[1]:.1f} Q{middle[0]:.1f} {middle[1]:.1f} {end[0]:.1f} {end[1]:.1f}"
    )
    return path, (label[0], label[1])


def _border(box: Box, towards: _Point) -> _Point:
    """Where the line from the centre leaves the box, a little outside."""
    dx, dy = towards[0] - box.x, towards[1] - box.y
    scale = min(
        (box.width / 2 + 4) / abs(dx) if dx else math.inf,
        (box.height / 2 + 4) / abs(dy) if dy else math.inf,
    )
    return box.x + dx * scale, box.y + dy * scale
