"""Each step that is planned can be run."""

import configparser
import re
import tomllib
from pathlib import Path

import pytest
from checks.pythons import SUPPORTED
from checks.steps import Step, plan_steps
from running import TOOLS

ROOT = TOOLS.parent
STEPS = plan_steps(ROOT, pythons=SUPPORTED, is_thorough=True, only=())


def environments(folder: Path) -> set[str]:
    """The names of the tox environments that are defined in this folder."""
    if folder == ROOT:
        ini = configparser.ConfigParser(interpolation=None)
        ini.read(ROOT / "tox.ini")
        return {name.removeprefix("testenv:") for name in ini.sections()}
    return set(tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["tox"]["env_list"])


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_the_environment_of_a_step_is_defined(step: Step) -> None:
    assert step.tox_env in environments(step.folder)


def test_what_is_red_is_explained() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    explained = set(
        re.findall(r"`(\w+)`", "".join(re.findall(r"^\| `.*?\|", contributing, re.MULTILINE)))
    )
    assert {step.name for step in STEPS} - explained == set()
