"""Run the tox environments that have a label, at the same time, and sum up: `make test`, `make check`.

ONLY="lint users" narrows to environments of these names, or that begin with one of them. What this machine can't run is
left out, with the reason; with CI set that is a failure.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

TOX = [sys.executable, "-m", "tox"]
# Each waits about half its time, for a process or a server.
JOBS = min(8, 2 * (os.cpu_count() or 1))
FIRST = {"e2e-local", "e2e-all", "new-service", "chassis-quick"}
"""They take longest."""
COUNTS = ("passed", "failed", "skipped")
NO_DOCKER = "no Docker engine answers: install one, or start it"


def labelled(label: str) -> list[str]:
    command = [*TOX, "-q", "list", "--no-desc", "-m", label]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()


def narrowed(names: Sequence[str], words: Sequence[str]) -> list[str]:
    """The environments that ONLY names. A word that names none ends the run."""
    found = {word: {each for each in names if f"{each}-".startswith(f"{word}-")} for word in words}
    if unknown := [word for word in words if not found[word]]:
        sys.exit(f"ONLY: no step is called {', '.join(unknown)}. There are: {', '.join(names)}.")
    return [each for each in names if not words or each in set().union(*found.values())]


def has_docker() -> bool:
    docker = shutil.which("docker")
    run = [docker or "", "info"]
    return bool(docker) and not subprocess.run(run, capture_output=True, check=False).returncode


def run(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What tox reports of each environment."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [*TOX, "run-parallel", "-p", str(JOBS), "--result-json", str(report)]
        process = subprocess.Popen([*command, "-e", ",".join(names)])
        try:
            process.wait()
        except KeyboardInterrupt:
            process.wait()  # tox has had it too, and ends what it started
            raise
        return dict(json.loads(report.read_text())["testenvs"])


def row(name: str, report: Mapping[str, Any]) -> tuple[str, ...]:
    """The line of an environment: its result, and the tests that pytest counted in it."""
    result = report["result"]
    text = "".join(each["output"] for each in report.get("test", ()))
    pattern = r"^(?:=+ )?\d+ (?:passed|failed|skipped|error).* in [\d.]+s"
    summary = " ".join(re.findall(pattern, text, re.MULTILINE))
    counts = [sum(map(int, re.findall(rf"(\d+) {each}", summary))) for each in COUNTS]
    word = "passed" if result["success"] else "FAILED"
    return (name, word, f"{result['duration']:.1f}", *(map(str, counts) if summary else ()))


def details(pattern: str, reports: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The lines that match in the output of any environment, with its name."""
    return [
        f"  {name}: {line}"
        for name, report in reports.items()
        for each in report.get("test", ())
        for line in dict.fromkeys(re.findall(pattern, each["output"], re.MULTILINE))
    ]


def main(label: str, only: str) -> int:
    names = narrowed(labelled(label), only.split())
    missing = [] if has_docker() else [name for name in labelled("docker") if name in names]
    can_run = [name for name in names if name not in missing]
    can_run.sort(key=lambda name: name not in FIRST)
    print(f"{len(can_run)} steps, {JOBS} at a time. The first run takes longer.", flush=True)
    reports = run(can_run) if can_run else {}
    rows = [row(name, reports[name]) for name in can_run if name in reports]
    rows += [(name, "not run") for name in missing]
    for name, *cells in (("\nstep", "result", "seconds", *COUNTS), *rows):
        print(name.ljust(24), *(cell.rjust(8) for cell in cells))
    for heading, lines in (
        ("Failed tests:", details(r"^(?:FAILED|ERROR) (\S+::.*)", reports)),
        ("Skipped tests:", details(r"^SKIPPED \[\d+\] \S+ (.*)", reports)),
        ("Not run:", [f"  {name}: {NO_DOCKER}" for name in missing]),
    ):
        if lines:
            print("\n".join(["", heading, *lines]))
    all_passed = set(can_run) <= reports.keys() and all(each[1] != "FAILED" for each in rows)
    return 0 if all_passed and not (missing and os.environ.get("CI")) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], os.environ.get("ONLY", "")))
    except KeyboardInterrupt:
        sys.exit(130)
