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
    edges: list[Edge] = []
    for consumer, provider, transport in sorted(counted):
        between = sum((each.consumer, each.provider) == (consumer, provider) for each in edges)
        path, label = _curve(boxes[consumer], boxes[provider], between + 0.5)
        ends = consumer, provider, transport
        edges.append(Edge(*ends, verified[ends], counted[ends], path, label))
    lowest = max(
        [*(box.y + box.height for box in boxes.values()), *(edge.label[1] + 40 for edge in edges)]
    )
    return Graph(list(boxes.values()), edges, 760, lowest + 8)


def _end_points(row: Row) -> tuple[str, str, str]:
    return row.interaction.consumer, row.interaction.provider, row.transport


def _placed(services: Sequence[str]) -> dict[str, Box]:
    """The boxes in a circle, the first on the left."""
    ordered, boxes = sorted(services), {}
    height = 70.0 * max(len(ordered), 3)
    for number, name in enumerate(ordered):
        angle = math.pi + 2 * math.pi * number / len(ordered)
        x, y = 380 + 290 * math.cos(angle), height + (height - 50) * math.sin(angle)
        boxes[name] = Box(name, x, y, width=max(104.0, 11 * len(name) + 36.0))
    return boxes


def _curve(start: Box, end: Box, bend: float) -> tuple[str, _Point]:
    """A curve to the right of the line between the two, so that those of both directions are apart."""
    dx, dy = end.x - start.x, end.y - start.y
    length = math.hypot(dx, dy) or 1
    gap = bend * (124 * abs(dx) + 240 * abs(dy)) / length  # labels of two curves don't overlap
    x, y = (
        (start.x + end.x - 2 * gap * dy / length) / 2,
        (start.y + end.y + 2 * gap * dx / length) / 2,
    )
    tip = _border(end, (x, y))
    path = f"M{start.x:.1f} {start.y:.1f} Q{x:.1f} {y:.1f} {tip[0]:.1f} {tip[1]:.1f}"
    return path, ((start.x + 2 * x + tip[0]) / 4, (start.y + 2 * y + tip[1]) / 4)


def _border(box: Box, towards: _Point) -> _Point:
    """Where the line from the centre leaves the box, a little outside."""
    dx, dy = towards[0] - box.x, towards[1] - box.y
    halves = (box.width / 2, dx), (box.height / 2, dy)
    scale = min(((half + 4) / abs(distance) for half, distance in halves if distance), default=0)
    return box.x + dx * scale, box.y + dy * scale
