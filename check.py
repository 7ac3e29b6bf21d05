"""Run the tox environments that have a label, at the same time, and sum up: `make test`, `make check`.

ONLY="lint users-quick" names environments instead. What this machine can't run is left out, with the reason;
with CI set that is a failure.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

TOX = [sys.executable, "-m", "tox"]
# On two cores, one more than there are: each waits now and then, for a process or a server.
JOBS = min(4, 1 + (os.cpu_count() or 1))
COUNTS = ("passed", "failed", "skipped")
PROGRESS_SECONDS = 15.0


def labelled(label: str) -> list[str]:
    command = [*TOX, "-q", "list", "--no-desc", "-m", label]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()


def without_duplicates(names: Sequence[str]) -> list[str]:
    """Without the tests on this Python where `coverage` runs the same ones, on two databases."""
    current = f"py3{sys.version_info.minor}"
    measured = {name.removesuffix("coverage") + current for name in names if "-coverage" in name}
    return [name for name in names if name not in measured]


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
    if docker is None:
        return False
    return subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0


def run(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What tox reports of each environment. On a terminal it shows what runs; elsewhere this does."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [*TOX, "run-parallel", "-p", str(JOBS), "--result-json", str(report)]
        process = subprocess.Popen([*command, "-e", ",".join(names)])
        started = time.monotonic()
        try:
            while True:
                try:
                    process.wait(PROGRESS_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    if not sys.stdout.isatty():
                        print(f"... {time.monotonic() - started:.0f} s", flush=True)
        except KeyboardInterrupt:
            process.wait()  # tox has had it too, and ends what it started
            raise
        found: dict[str, dict[str, Any]] = json.loads(report.read_text())["testenvs"]
        return found


def row(name: str, report: Mapping[str, Any]) -> tuple[str, ...]:
    """The line of an environment: its result, and the tests that pytest counted in it."""
    result = report["result"]
    text = "".join(each["output"] for each in report.get("test", ()))
    lines = re.findall(
        r"^(?:=+ )?(\d+ (?:passed|failed|skipped|error).*) in [\d.]+s", text, re.MULTILINE
    )
    counts = {each: sum_of(each, lines) for each in COUNTS} if lines else dict.fromkeys(COUNTS, "")
    word = "passed" if result["success"] else "FAILED"
    return (name, word, f"{result['duration']:.1f}", *counts.values())


def sum_of(word: str, lines: Iterable[str]) -> str:
    return str(sum(int(number) for line in lines for number in re.findall(rf"(\d+) {word}", line)))


def table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(each, widths, strict=True)).rstrip()
        for each in rows
    )


def details(pattern: str, reports: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The lines that match in the output of any environment, with its name."""
    return [
        f"  {name}: {line}"
        for name, report in reports.items()
        for each in report.get("test", ())
        for line in dict.fromkeys(re.findall(pattern, each["output"], re.MULTILINE))
    ]


def main(label: str, only: str) -> int:
    names = only.split() or without_duplicates(labelled(label))
    with_docker = labelled("docker")
    missing = what_is_missing(names, with_docker)
    # What runs in containers first: it waits more than it computes.
    names.sort(key=lambda name: name not in with_docker)
    can_run = [name for name in names if name not in missing]
    print(
        f"{len(can_run)} steps, {JOBS} at a time; the first time installs what they need.",
        flush=True,
    )
    reports = run(can_run) if can_run else {}
    rows = [row(name, reports[name]) for name in can_run if name in reports]
    rows += [(name, "not run", "", "", "", "") for name in missing]
    print("\n" + table([("step", "result", "seconds", *COUNTS), *rows]))
    for heading, lines in (
        ("Failed tests:", details(r"^(?:FAILED|ERROR) (\S+::.*)", reports)),
        ("Skipped tests:", details(r"^SKIPPED (.*)", reports)),
        ("Not run:", [f"  {name}: {reason}" for name, reason in missing.items()]),
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
