"""Every gate is green on a clone of the last commit without a service. Times are printed."""

import sys
from pathlib import Path

import pytest

from tests.new_service.clones import attempt, clone, gates, run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return clone(tmp_path)


def test_gates_pass_without_the_service(root: Path, pytestconfig: pytest.Config) -> None:
    print(run(root, sys.executable, "remove_service.py", "items", ""))
    run(root, "git", "commit", "--quiet", "--all", "--message=Remove items")
    gates(root, is_complete=pytestconfig.getoption("--all"))
    assert run(root, "git", "status", "--porcelain") == ""


def test_service_that_others_need_is_not_removed(root: Path) -> None:
    refused = attempt(root, sys.executable, "remove_service.py", "users", "")
    assert refused.returncode == 1
    assert "These services consume users or subscribe to it: items." in refused.stdout
    assert run(root, "git", "status", "--porcelain") == ""
