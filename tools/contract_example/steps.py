"""The steps of the example, as `steps.toml` has them."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract_drift.edits import Edit, Replacement

STEPS = Path(__file__).with_name("steps.toml")


@dataclass(frozen=True)
class Step:
    name: str
    title: str
    """Its commit's subject."""
    passes: bool
    replacements: tuple[Replacement, ...]
    deploys: str = ""
    """The service that is deployed then. The commit of a step without one is undone."""

    @property
    def edit(self) -> Edit:
        return Edit(self.name, "harmless", self.title, self.replacements)

    @property
    def difference(self) -> str:
        """What changes in the services themselves, for people."""
        lines: list[str] = []
        for each in self.replacements:
            if "/app/" not in each.file:
                continue
            if f"--- {each.file}" not in lines:
                lines += [f"--- {each.file}", f"+++ {each.file}"]
            changed = difflib.unified_diff(
                each.old.splitlines(), each.new.splitlines(), n=1, lineterm=""
            )
            lines += [line for line in list(changed)[3:] if line.strip()]
        return "\n".join(lines)


def read_steps() -> list[Step]:
    tables = {each["name"]: each for each in tomllib.loads(STEPS.read_text("utf-8"))["step"]}
    return [_step(each, tables) for each in tables.values()]


def _step(table: Mapping[str, Any], tables: Mapping[str, Any]) -> Step:
    others = tables[table["with_those_of"]]["replacements"] if "with_those_of" in table else []
    return Step(
        table["name"],
        table["title"],
        table["passes"],
        tuple(Replacement(**each) for each in [*table["replacements"], *others]),
        table.get("deploys", ""),
    )
