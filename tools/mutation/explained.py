"""The survivors that somebody has looked at, each with a category and a reason."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutation.mutants import Mutant
from mutation.verdicts import Verdict


@dataclass(frozen=True)
class Explanation:
    """Why changes to a module may survive; a change is its removed and added lines."""

    module: str
    category: str
    reason: str
    changes: tuple[tuple[str, ...], ...]


class Explanations:
    """Those of one file, whose `categories` say what each category means."""

    def __init__(self, file: Path) -> None:
        content: dict[str, Any] = tomllib.loads(file.read_text()) if file.exists() else {}
        self.categories: dict[str, str] = content.get("categories", {})
        self.all = [
            Explanation(
                each["module"],
                each["category"],
                each["reason"],
                tuple(_lines(change) for change in each["changes"]),
            )
            for each in content.get("survivors", [])
        ]

    def of(self, verdict: Verdict) -> Explanation | None:
        for each in self.all:
            if each.module == verdict.module and _lines(verdict.mutant.diff) in each.changes:
                return each
        return None

    def count(self) -> Counter[str]:
        """How many changes each category explains."""
        return Counter(each.category for each in self.all for _ in each.changes)

    def stale(
        self, verdicts: Sequence[Verdict], untried: Iterable[tuple[str, Mutant]] = ()
    ) -> list[str]:
        """The changes that are explained though they don't survive, of the modules at hand.

        Nothing is said of `untried` mutants, each with its module.
        """
        survivors = {(v.module, _lines(v.mutant.diff)) for v in verdicts if v.killer is None}
        survivors |= {(module, _lines(mutant.diff)) for module, mutant in untried}
        modules = {verdict.module for verdict in verdicts}
        return [
            f"{each.module}:\n" + "\n".join(change)
            for each in self.all
            for change in each.changes
            if each.module in modules and (each.module, change) not in survivors
        ]


def _lines(diff: str) -> tuple[str, ...]:
    """The lines without their indentation, which moves when code does."""
    return tuple(f"{line[0]} {line[1:].strip()}" for line in diff.strip().splitlines())
