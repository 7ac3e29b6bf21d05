"""The graph: who reads what, from a file to the gates that it reaches.

A node is a part of the repository (`services/users/code`, `tools/contract_gate`) or a gate. Whoever
reads a node can be broken by it.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from affected.gates import Gate
from affected.ownership import EVERYTHING, Ownership


@dataclass
class Graph:
    """The gates in order, and the readers of each node, each with its reason."""

    gates: list[Gate]
    ownership: Ownership
    readers: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [gate.name for gate in self.gates]

    def add(self, reader: str, node: str, why: str) -> None:
        if reader != node:
            self.readers.setdefault(node, {}).setdefault(reader, why)

    def reasons(self, files: Iterable[str]) -> dict[str, str]:
        """The gates that these files reach, in order, each with a shortest way to it."""
        reached: dict[str, str] = {}
        for file in sorted(files):
            reached = self._ways(file) | reached
        return {gate.name: reached[gate.name] for gate in self.gates if gate.name in reached}

    def _ways(self, file: str) -> dict[str, str]:
        """Each node that the file reaches."""
        ways = {node: f"{file}: {what}" for node, what in self.ownership.of(file)}
        if EVERYTHING in ways:
            return {gate.name: ways[EVERYTHING] for gate in self.gates}
        queue = deque(ways)
        while queue:
            node = queue.popleft()
            for reader, why in self.readers.get(node, {}).items():
                if reader not in ways:
                    ways[reader] = f"{ways[node]}; {why}"
                    queue.append(reader)
        return ways
