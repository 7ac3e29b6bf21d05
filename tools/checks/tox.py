"""Calls tox."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from checks.steps import Step


class Tox:
    """Runs environments, from several threads if need be.

    Unless it is verbose, it keeps what they write for the caller.
    """

    def __init__(self, command: Sequence[str], root: Path, *, is_verbose: bool) -> None:
        self._command = command
        self._root = root
        self._is_verbose = is_verbose
        self._running: set[subprocess.Popen[bytes]] = set()

    def run(
        self, step: Step, arguments: Sequence[str], environ: Mapping[str, str]
    ) -> tuple[int, str]:
        """Run a step's environment; its exit code, and what it wrote."""
        renewal = ["--recreate"] if is_outdated(step.environment_folder, self._root) else []
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                [*self._command, "-e", step.tox_env, *renewal, "--", *arguments],
                cwd=step.folder,
                env=_with_this_python(environ),
                stdin=subprocess.DEVNULL,
                stdout=None if self._is_verbose else output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running.add(process)
            exit_code = process.wait()
            self._running.discard(process)
            output.seek(0)
            return exit_code, output.read().decode(errors="replace")

    def interrupt(self, number: signal.Signals) -> None:
        """Send a signal to all that runs."""
        for process in list(self._running):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)


def _with_this_python(environ: Mapping[str, str]) -> dict[str, str]:
    """The PATH, on which tox looks Pythons up, with the one that make was given."""
    here = str(Path(sys.base_prefix) / "bin")
    return {**environ, "PATH": os.pathsep.join([environ.get("PATH", os.defpath), here])}


def is_outdated(environment_folder: Path, root: Path) -> bool:
    """Whether the environment was made before a change of what belongs in it.

    tox sees a change of its own settings, but not of a local package's dependencies.
    """
    made = environment_folder / "pyvenv.cfg"
    if not made.exists():
        return False
    packages = [*root.glob("services/*/pyproject.toml"), *root.glob("shared/*/pyproject.toml")]
    sources = [root / "constraints.txt", root / "tox.ini", *packages]
    return max(source.stat().st_mtime for source in sources) > made.stat().st_mtime
