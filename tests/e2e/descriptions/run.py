"""Runs schemathesis in a process of its own."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import workspace


def run_schemathesis(
    url: str,
    report: Path,
    environment: Mapping[str, str],
    options: Sequence[str] = (),
    own_settings: str = "",
) -> int:
    """Check the service at `url` against its own description, and write the NDJSON report; the exit code.

    `own_settings` are added to schemathesis.toml of the root.
    """
    settings = report.with_suffix(".toml")
    common = (workspace.ROOT / "schemathesis.toml").read_text(encoding="utf-8")
    settings.write_text(f"{common}\n{own_settings}")
    # `-m` puts the root on the import path, for hooks.py.
    command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={settings}"]
    command += ["run", f"{url}/openapi.json"]
    reporting = ["--report=ndjson", f"--report-ndjson-path={report}"]
    done = subprocess.run(
        [*command, *reporting, *options], cwd=workspace.ROOT, env=environment, check=False
    )
    return done.returncode
