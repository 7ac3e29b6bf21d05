"""The gate's own `subprocess.run`, made quick: warm processes, and no run whose outcome is known."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from contract_drift import warm

_real_run = subprocess.run
# Options of the contract tests, whose values are temporary folders.
_LEAVES = ("--contracts-output=", "--contracts-verified=")
_READS = "--contracts-pacts="


def install(memory: Path) -> None:
    """From now on, in this process. `memory` is a folder for the outcomes of runs."""

    def run(command: Sequence[str], **options: Any) -> "subprocess.CompletedProcess[str]":
        match command:
            case [sys.executable, "-m", "tox", *arguments]:
                # A deployed version's own tests. Here its environment is the one that we have.
                tests = arguments[arguments.index("--") + 1 :]
                return _run_python(["-m", "pytest", *tests], memory, **options)
            case [sys.executable, "-m", "pytest", *_] | [sys.executable, "-c", *_]:
                return _run_python(command[1:], memory, **options)
            case [sys.executable, *_]:
                # It would import what is installed, and not the copy.
                raise ValueError(f"It isn't known how to run this in a copy: {command[1:3]}")
        return _real_run(command, **options)

    subprocess.run = run  # type: ignore[assignment]


@dataclass(frozen=True)
class _Outcome:
    """Of a run: in a folder `code`, what it wrote, and what it left in the folder it was given."""

    folder: Path

    def again(self, arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        if target := _left_in(arguments):
            shutil.copytree(self.folder / "left", target, dirs_exist_ok=True)
        return subprocess.CompletedProcess(
            arguments,
            int((self.folder / "code").read_text()),
            (self.folder / "output").read_text(),
            (self.folder / "errors").read_text(),
        )


def _run_python(
    arguments: Sequence[str],
    memory: Path,
    *,
    cwd: Path,
    env: dict[str, str],
    timeout: float,
    stderr: int = subprocess.STDOUT,
    **_: Any,
) -> "subprocess.CompletedProcess[str]":
    outcome = _Outcome(memory / _key(arguments, cwd))
    if outcome.folder.is_dir():
        return outcome.again(arguments)
    with TemporaryDirectory(dir=memory) as name:
        folder = Path(name)
        output, errors = folder / "output", folder / "errors"
        errors.touch()
        (folder / "left").mkdir()
        try:
            code = warm.run_python(
                # Into a folder of its own: in that of the gate are other runs' as well.
                [_elsewhere(each, folder / "left") for each in arguments],
                cwd=cwd,
                environment=env,
                output=output,
                errors=output if stderr == subprocess.STDOUT else errors,
                timeout_seconds=timeout,
            )
        except warm.TookTooLong:
            raise subprocess.TimeoutExpired(arguments, timeout) from None
        (folder / "code").write_text(str(code))
        kept = memory / f"{os.getpid()}-{outcome.folder.name}"
        shutil.copytree(folder, kept)
    # Two processes may have done the same: the second finds it there.
    try:
        kept.rename(outcome.folder)
    except OSError:
        shutil.rmtree(kept)
    return outcome.again(arguments)


def _left_in(arguments: Sequence[str]) -> Path | None:
    for each in arguments:
        if each.startswith(_LEAVES):
            return Path(each.partition("=")[2])
    return None


def _elsewhere(argument: str, folder: Path) -> str:
    return f"{argument.partition('=')[0]}={folder}" if argument.startswith(_LEAVES) else argument


def _key(arguments: Sequence[str], cwd: Path) -> str:
    """Of the run's command, and of every file that it may depend on."""
    digest = hashlib.sha256(cwd.name.encode())
    for each in arguments:
        option, _, value = each.partition("=")
        digest.update((option if each.startswith((*_LEAVES, _READS)) else each).encode())
        if each.startswith(_READS):
            _add(digest, Path(value), Path(value))
    root = cwd.parents[1]
    for folder in (cwd, root / "shared", *_contracts(arguments, root / "contracts")):
        _add(digest, folder, root)
    return digest.hexdigest()


def _contracts(arguments: Sequence[str], contracts: Path) -> Iterator[Path]:
    yield contracts / "states.toml"
    # Pacts that are being written aren't read, and a description isn't made of them: its code has no options.
    has_options = arguments[0] != "-c" or len(arguments) > len(("-c", "code"))
    if has_options and not any(each.startswith(_LEAVES[0]) for each in arguments):
        yield contracts / "pacts"


def _add(digest: Any, path: Path, root: Path) -> None:
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    for file in files:
        hidden = any(
            part == "__pycache__" or part.startswith(".") for part in file.relative_to(root).parts
        )
        if file.is_file() and not hidden:
            digest.update(f"{file.relative_to(root)}\0".encode())
            digest.update(file.read_bytes())
