"""Tries edits: makes one in a copy, does what a developer would do next, and asks the gate."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from contract_drift.copies import Copy
from contract_drift.edits import Edit, WrongTable
from contract_drift.findings import Finding, findings

_TOOLS = Path(__file__).resolve().parent.parent
_SHOWN = 3_000


@dataclass(frozen=True)
class Result:
    edit: Edit
    problem: str
    """Why it isn't as the table says; empty when it is."""
    found: tuple[Finding, ...]
    regenerated: bool
    """Whether `make contracts` changed anything."""
    seconds: float

    @property
    def is_good(self) -> bool:
        return not self.problem


class Bench:
    """A copy with a process that runs things in it (`worker`)."""

    def __init__(self, copy: Copy, memory: Path) -> None:
        self.copy = copy
        self._process = subprocess.Popen(
            [sys.executable, "-m", "contract_drift.worker", str(memory)],
            cwd=_TOOLS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._process:  # closes its pipes, which ends it, and waits
            pass

    def gate(self, *options: str) -> dict[str, Any]:
        """The contracts gate in the copy: `code`, `output` and `seconds`."""
        return self._run(self.copy.root, str(self.copy.root / "tools/check_contracts.py"), *options)

    def test(self, name: str) -> dict[str, Any]:
        """One test; its name is a folder and pytest's id, as in `services/items tests/unit/…`."""
        folder, _, test = name.partition(" ")
        return self._run(self.copy.root / folder, "-m", "pytest", "-xq", "--no-header", test)

    def _run(self, cwd: Path, *arguments: str) -> dict[str, Any]:
        if not (self._process.stdin and self._process.stdout):
            raise RuntimeError("The worker has no pipes.")
        print(
            json.dumps({"arguments": arguments, "cwd": str(cwd)}),
            file=self._process.stdin,
            flush=True,
        )
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def attempt(edit: Edit, bench: Bench) -> Result:
    """What came of the edit; the copy is as before."""
    try:
        bench.copy.apply(edit)
        runs = [] if edit.is_lazy else [bench.gate("--update")]
        regenerated = bench.copy.has_other_contracts
        if not runs or runs[-1]["code"] == 0:
            runs.append(bench.gate())
        if edit.kind == "beyond" and runs[-1]["code"] == 0:
            runs.append(bench.test(edit.test))
    except WrongTable as error:
        return Result(edit, str(error), (), False, 0.0)
    finally:
        bench.copy.restore()
    found = tuple(findings("\n".join(run["output"] for run in runs)))
    problem = _problem(edit, runs[-1], found)
    seconds = sum(run["seconds"] for run in runs)
    return Result(edit, problem, found, regenerated, seconds)


def _problem(edit: Edit, last: dict[str, Any], found: tuple[Finding, ...]) -> str:
    failed, output = last["code"] != 0, last["output"][-_SHOWN:]
    if edit.kind == "harmless":
        return f"It is harmless, and flagged.\n{output}" if failed else ""
    if edit.kind == "beyond":
        if found:
            return f"The gate sees it, so it isn't beyond: {found[0].part}, {found[0].name}."
        is_caught = last["code"] == 1 and re.search(r"\b\d+ failed\b", output)
        return "" if is_caught else f"{edit.test} doesn't fail for it.\n{output}"
    if not failed:
        return "It breaks something, and slipped through."
    if Finding(edit.caught_by, edit.names) in found:
        return ""
    listed = "\n".join(f"  {each.part}: {each.name}" for each in found) or output
    return f"It is caught, but not by {edit.caught_by} naming `{edit.names}`:\n{listed}"
