"""The root runs what the packages define, and is never green on nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MadeUp

PACKAGE = """
[tool.service]
port = {port}

[tool.tox]
env_list = ["py"]

[tool.tox.env_run_base]
package = "skip"
commands = [["python", "-c", "{script}", {{ replace = "posargs", extend = true }}]]
"""


@pytest.fixture
def root(made_up: MadeUp) -> Path:
    (made_up.root / "tox.ini").write_text("[testenv]\npackage = skip\n")
    for name in made_up.ports:
        define(made_up.root, name)
    return made_up.root


def define(root: Path, name: str, *, code: int = 0) -> None:
    script = f"import sys; print('ran', '{name}', *sys.argv[1:]); sys.exit({code})"
    text = PACKAGE.format(port=1, script=script)
    (root / "services" / name / "pyproject.toml").write_text(text)


def tox(root: Path, *arguments: str) -> tuple[int, list[str]]:
    """The exit code, and what ran."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TOX")}
    done = subprocess.run(
        [sys.executable, "-m", "tox", *arguments],
        cwd=root,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    ran = [line for line in done.stdout.splitlines() if line.startswith("ran ")]
    return done.returncode, ran


def test_environment_runs_in_each_package(root: Path) -> None:
    assert tox(root, "-e", "py") == (0, ["ran accounts", "ran orders", "ran stock"])


def test_failure_in_one_package_fails_all_and_stops_no_other(root: Path) -> None:
    define(root, "accounts", code=3)

    code, ran = tox(root, "-e", "py")

    assert code != 0
    assert ran == ["ran accounts", "ran orders", "ran stock"]


def test_environment_of_one_package_gets_the_arguments(root: Path) -> None:
    assert tox(root, "-e", "orders-py", "--", "-k", "a b") == (0, ["ran orders -k a b"])


@pytest.mark.parametrize("name", ["py311", "orders-nonesuch", "nonesuch-py"])
def test_environment_that_no_package_has_fails(root: Path, name: str) -> None:
    code, ran = tox(root, "-e", name)

    assert code != 0
    assert ran == []
