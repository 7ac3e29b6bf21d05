"""Every gate is green on a clone with new services, and without the one that they consumed. Times are printed.

The tests build on one another. They do in one clone what the commands do in a clone of its own each: its environments
are made once.
"""

import shutil
import sys
from pathlib import Path

import pytest

from new_service import asked, make
from remove_service import delete
from tests.new_service.clones import ORDERS, QUOTES, attempt, clone, commit, gates, run, tox


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with orders, which consumes items and subscribes to users."""
    root = clone(tmp_path_factory.mktemp("made"))
    make(asked(ORDERS, root), root)
    commit(root, "Add orders")
    return root


def test_gates_pass_with_a_new_service(made: Path, pytestconfig: pytest.Config) -> None:
    gates(made, "orders", is_complete=pytestconfig.getoption("--all"))
    assert (made / "contracts/pacts/orders-items.json").exists()
    assert (made / "contracts/pacts/orders-users.json").exists()


def test_service_takes_later_improvements_of_the_template(made: Path) -> None:
    own, template = (
        made / "services/orders/app/errors.py",
        made / "templates/service/app/main.py.jinja",
    )
    own.write_text(own.read_text() + "# ours\n")
    template.write_text(template.read_text().replace("Anyone may read", "Everybody may read"))
    run(made, "git", "commit", "--quiet", "--all", "--message=Improve the template")
    update = ["tool", "run", "--constraints", "constraints.txt", "copier", "update", "--defaults"]
    run(made, sys.executable, "-m", "uv", *update, "--vcs-ref=HEAD", "services/orders")
    assert "Everybody may read orders" in (made / "services/orders/app/main.py").read_text()
    assert own.read_text().endswith("# ours\n")
    run(made, "git", "reset", "--quiet", "--hard", "HEAD~1")


def test_service_that_others_need_is_not_removed(made: Path) -> None:
    refused = attempt(made, sys.executable, "remove_service.py", "items", "")
    assert refused.returncode == 1
    assert "These services consume items or subscribe to it: orders." in refused.stdout
    assert run(made, "git", "status", "--porcelain") == ""


def test_gates_pass_without_the_service_that_the_new_ones_consumed(
    made: Path, pytestconfig: pytest.Config
) -> None:
    make(asked(QUOTES, made), made)
    commit(made, "Add quotes")
    assert delete(made, "items") == []
    shutil.rmtree(made / "services/items")  # what git ignores
    commit(made, "Remove items")
    assert not (made / "services/orders/app/clients/items.py").exists()
    gates(made, "quotes", "orders", is_complete=pytestconfig.getoption("--all"))
    # No test of users needs one of its consumers. The contract gate has made this environment.
    tox(made, "-c services/users -e contract -- -m 'not slow and not contract'")


def test_failure_halfway_leaves_nothing_behind(tmp_path: Path) -> None:
    root = clone(tmp_path)
    (root / "templates/service/pyproject.toml.jinja").write_text("[tool\n")
    run(root, "git", "commit", "--quiet", "--all", "--message=Break the template")
    failed = attempt(root, sys.executable, "new_service.py", **ORDERS)
    assert failed.returncode == 1
    assert "failed, and nothing was written" in failed.stdout
    assert run(root, "git", "status", "--porcelain") == ""
