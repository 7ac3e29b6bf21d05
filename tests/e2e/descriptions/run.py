"""Runs schemathesis in a process of its own, with schemathesis.toml of the root and of each service."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import workspace

_WORKFLOWS = workspace.ROOT / "tests/e2e/workflows"


def run_schemathesis(
    url: str, report: Path, environment: Mapping[str, str], options: Sequence[str] = ()
) -> int:
    """Check the service at `url` against its own description, and write the NDJSON report; the exit code."""
    settings = report.with_suffix(".toml")
    files = [workspace.ROOT / "schemathesis.toml", *sorted(_WORKFLOWS.glob("*/schemathesis.toml"))]
    settings.write_text("\n".join(file.read_text(encoding="utf-8") for file in files))
    # `-m` puts the root on the import path, for hooks.py.
    command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={settings}"]
    command += ["run", f"{url}/openapi.json"]
    reporting = ["--report=ndjson", f"--report-ndjson-path={report}"]
    done = subprocess.run(
        [*command, *reporting, *options], cwd=workspace.ROOT, env=environment, check=False
    )
    return done.returncode
