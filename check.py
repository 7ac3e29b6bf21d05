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
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

TOX = [sys.executable, "-m", "tox"]
# Each waits about half its time, for a process or a server.
JOBS = min(8, 2 * (os.cpu_count() or 1))
COUNTS = ("passed", "failed", "skipped")
NOT_REQUIRED = "py314"  # until every CI machine has it; where it is installed, its failures count


def labelled(label: str) -> list[str]:
    command = [*TOX, "-q", "list", "--no-desc", "-m", label]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()


def without_duplicates(names: Sequence[str]) -> list[str]:
    """The names without the tests on this Python where `coverage` runs the same ones, on two databases."""
    current = f"py3{sys.version_info.minor}"
    measured = {name.removesuffix("coverage") + current for name in names if "-coverage" in name}
    return [name for name in names if name not in measured]


def narrowed(names: Sequence[str], words: Sequence[str]) -> list[str]:
    """The environments that ONLY names. A word that names none ends the run."""
    found = {word: {each for each in names if f"{each}-".startswith(f"{word}-")} for word in words}
    if unknown := [word for word in words if not found[word]]:
        sys.exit(f"ONLY: no step is called {', '.join(unknown)}. There are: {', '.join(names)}.")
    return [each for each in names if not words or each in set().union(*found.values())]


def what_is_missing(names: Iterable[str], with_docker: Sequence[str]) -> dict[str, str]:
    """The environments that can't run here, each with the reason and what helps."""
    missing: dict[str, str] = {}
    for name in names:
        version = re.search(r"(?:^|-)py3(\d+)$", name)
        if version and not has_python(f"3.{version[1]}"):
            missing[name] = f"no Python 3.{version[1]} on the PATH: install it (with pyenv or uv)"
        elif name in with_docker and not has_docker():
            missing[name] = "no Docker engine answers: install one, or start it"
    return missing


def has_python(version: str) -> bool:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    command = [uv, "python", "find", "--system", "--no-python-downloads", version]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


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
    names = narrowed(without_duplicates(labelled(label)), only.split())
    with_docker = labelled("docker")
    missing = what_is_missing(names, with_docker)
    # What runs in containers first: it waits more than it computes.
    names.sort(key=lambda name: name not in with_docker)
    can_run = [name for name in names if name not in missing]
    print(f"{len(can_run)} steps, {JOBS} at a time. The first run takes longer.", flush=True)
    reports = run(can_run) if can_run else {}
    rows = [row(name, reports[name]) for name in can_run if name in reports]
    rows += [(name, "not run") for name in missing]
    for name, *cells in (("\nstep", "result", "seconds", *COUNTS), *rows):
        print(name.ljust(24), *(cell.rjust(8) for cell in cells))
    for heading, lines in (
        ("Failed tests:", details(r"^(?:FAILED|ERROR) (\S+::.*)", reports)),
        ("Skipped tests:", details(r"^SKIPPED \[\d+\] \S+ (.*)", reports)),
        ("Not run:", [f"  {name}: {reason}" for name, reason in missing.items()]),
    ):
        if lines:
            print("\n".join(["", heading, *lines]))
    all_passed = set(can_run) <= reports.keys() and all(each[1] != "FAILED" for each in rows)
    counts = os.environ.get("CI") and any(not name.endswith(NOT_REQUIRED) for name in missing)
    return 0 if all_passed and not counts else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], os.environ.get("ONLY", "")))
    except KeyboardInterrupt:
        sys.exit(130)
