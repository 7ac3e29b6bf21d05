"""The summary of `make test`: what ran, what can't run here, and why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MadeUp

TOX_INI = """
[tox]
labels =
    test = good, bad, far
    docker = far

[testenv]
package = skip

[testenv:good]
commands = python -c "print('SKIPPED [1] a.py:1: no ICU\\n=== 2 passed, 1 skipped in 0.10s ===')"

[testenv:bad]
commands =
    python -c "print('FAILED a.py::test_b - assert 0\\n1 failed, 1 passed in 1.00s'); raise SystemExit(1)"

[testenv:far]
commands = python -c ""
"""


@pytest.fixture
def root(made_up: MadeUp) -> Path:
    (made_up.root / "tox.ini").write_text(TOX_INI)
    return made_up.root


def check(root: Path, **environ: str) -> tuple[int, str]:
    """The exit code, and the output; on a machine without Docker."""
    done = subprocess.run(
        [sys.executable, "check.py", "test"],
        cwd=root,
        env={"PATH": os.defpath, "HOME": os.environ.get("HOME", ""), **environ},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_table_counts_tests_and_gives_reasons(root: Path) -> None:
    (root / "bin").mkdir()
    code, output = check(root, PATH=str(root / "bin"))

    lines = [" ".join(line.split()) for line in output.splitlines()]
    assert code == 1
    assert any(line.startswith("good passed ") and line.endswith(" 2 0 1") for line in lines)
    assert any(line.startswith("bad FAILED ") and line.endswith(" 1 1 0") for line in lines)
    assert "far not run" in lines
    assert "bad: a.py::test_b - assert 0" in lines
    assert "good: no ICU" in lines
    assert "far: no Docker engine answers: install one, or start it" in lines


def test_what_cannot_run_is_a_failure_in_ci_only(root: Path) -> None:
    (root / "bin").mkdir()
    environ = {"ONLY": "good far", "PATH": str(root / "bin")}

    assert check(root, **environ)[0] == 0
    assert check(root, **environ, CI="true")[0] == 1


def test_only_narrows_to_names_and_what_they_begin(root: Path) -> None:
    assert check(root, ONLY="goo bad") == (1, "")
    code, output = check(root, ONLY="good")
    assert code == 0
    assert "1 steps" in output


def test_everything_passes_in_ci(root: Path) -> None:
    code, output = check(root, ONLY="good", CI="true")
    assert code == 0, output
