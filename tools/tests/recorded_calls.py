"""What a job's script calls, seen by running it with recorders in place of all programs."""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

# What only concerns where a report is written, on hosts that want it in different places.
_REPORTING = ("--junitxml=", "--report=", "--record=")
_RECORDER = '#!/bin/sh\necho "${PWD#"$ROOT"}|${0##*/} $*" >&3\n'


def recorded_calls(
    script: str, root: Path, *, programs: Sequence[str], variables: Mapping[str, str]
) -> set[str]:
    """Each call of one of the `programs`, as `folder$ program arguments`; nothing else can run.

    Raises:
        CalledProcessError: the script fails, or calls a program that isn't expected.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as record:
        for program in programs:
            path = Path(folder, program)
            path.write_text(_RECORDER)
            path.chmod(0o700)
        subprocess.run(
            ["/bin/sh", "-euc", f"exec 3>&1; {script}"],
            cwd=root,
            env={**variables, "PATH": folder, "ROOT": str(root)},
            stdout=record,
            check=True,
        )
        record.seek(0)
        return {_normalised(line) for line in record.read().splitlines() if "|" in line}


def _normalised(line: str) -> str:
    folder, _, call = line.partition("|")
    words = [word for word in call.split() if not word.startswith(_REPORTING)]
    if words[-1] == "--":
        words.pop()
    return f"{folder.strip('/') or '.'}$ {' '.join(words)}"
