"""A new service starts, and its first tests pass, with what two READMEs show and nothing else."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documents import blocks

import workspace
from workspace import ROOT

CHASSIS = ROOT / "shared/chassis/README.md"
TESTING = ROOT / "shared/testing/README.md"
_NAMED_BLOCK = re.compile(
    r"`([\w/]+\.(?:py|toml))`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
_ENVIRONMENT = {"NOTES_DATABASE_URL": "sqlite:///notes.db"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder with the files of both READMEs, and the migration that the service's one makes."""
    folder = tmp_path_factory.mktemp("notes")
    for name, text in named_blocks(CHASSIS) | named_blocks(TESTING):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "app/__init__.py").touch()
    (folder / "migrations/versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        model = workspace.services()[0].folder / "migrations" / name
        shutil.copy(model, folder / "migrations")
    for command in ("migrate", "make-migration notes", "migrate"):
        assert f"$ python -m app {command}\n" in "".join(blocks(CHASSIS, "console"))
        run(folder, f"app {command}")
    return folder


def named_blocks(document: Path) -> set[tuple[str, str]]:
    """The blocks that follow the name of their file, in the part about the chassis if there is one."""
    found = set(_NAMED_BLOCK.findall(document.read_text().rpartition("### With the chassis")[2]))
    assert found, document
    return found


def run(folder: Path, module: str) -> str:
    """The output of `python -m` with this, in the folder."""
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(module)],
        cwd=folder,
        env=os.environ | _ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.slow  # imports the whole chassis
def test_the_first_tests_pass_as_they_are_documented(folder: Path) -> None:
    assert " 2 passed" in run(folder, "pytest -p no:cacheprovider")


def test_its_conftest_is_a_fixture_of_five_lines() -> None:
    [conftest] = [text for name, text in named_blocks(TESTING) if name == "tests/conftest.py"]
    _, body = conftest.split("def service() -> ServiceUnderTest:\n")

    assert len(re.findall(r"^    \S", body, re.MULTILINE)) <= 5
