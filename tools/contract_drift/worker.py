"""A process that runs what it is told, warm: a JSON object per line in, and one out for each."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from contract_drift import quick_runs, warm

_MOST_SECONDS = 120.0


def main(memory: Path) -> None:
    warm.import_libraries()
    quick_runs.install(memory)  # in the forks, then
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), flush=True)


def run(*, arguments: list[str], cwd: str) -> dict[str, Any]:
    """`python ARGUMENTS` there: exit code, output and seconds."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output"
        try:
            code = warm.run_python(
                arguments,
                cwd=Path(cwd),
                environment=dict(os.environ),
                output=output,
                errors=output,
                timeout_seconds=_MOST_SECONDS,
            )
        except warm.TookTooLong:
            code = -1
        text = output.read_text(errors="replace")
    return {"code": code, "output": text, "seconds": time.monotonic() - started}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
