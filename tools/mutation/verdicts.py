"""What came of mutants, kept between runs for as long as it must still be true."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from mutation.mutants import Mutant


@dataclass(frozen=True)
class Verdict:
    """`killer` is the test that failed, "time" or "start"; None for a survivor."""

    mutant: Mutant
    module: str
    killer: str | None


class Memory:
    """The verdicts of a package.

    A kill stands while the module and the file of the killing test are what they were; a survival,
    while the module and all tests are.
    """

    def __init__(self, file: Path, package: Path) -> None:
        self._file = file
        self._package = package
        self._proofs: dict[str | None, str] = {}
        self._kept: dict[str, list[str | None]] = {}
        if file.exists():
            self._kept = json.loads(file.read_text())

    def recall(self, module: str, mutant: Mutant) -> Verdict | None:
        killer, proof = self._kept.get(mutant.key, (None, None))
        if proof is None or proof != self._proof(killer):
            return None
        return Verdict(mutant, module, killer)

    def keep(self, verdict: Verdict) -> None:
        self._kept[verdict.mutant.key] = [verdict.killer, self._proof(verdict.killer)]
        self._file.parent.mkdir(exist_ok=True)
        self._file.write_text(json.dumps(self._kept))

    def _proof(self, killer: str | None) -> str:
        name = killer.partition("::")[0] if killer else None
        if name not in self._proofs:
            self._proofs[name] = self._hash(name)
        return self._proofs[name]

    def _hash(self, name: str | None) -> str:
        """Of the named file, or of all tests."""
        only = self._package / name if name else None
        all_tests = (self._package / "tests").rglob("*.py")
        digest = hashlib.sha256()
        for file in [only] if only and only.is_file() else sorted(all_tests):
            digest.update(file.read_bytes())
        return digest.hexdigest()
