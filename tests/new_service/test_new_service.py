"""Every gate is green on a clone of the last commit with a new service. Times are printed."""

import sys
from pathlib import Path

import pytest

from tests.new_service.clones import ORDERS, attempt, clone, gates, run, tox

SERVICE = f"-c services/orders -e py3{sys.version_info.minor} --"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with orders, which consumes items and subscribes to users."""
    root = clone(tmp_path_factory.mktemp("made"))
    print(run(root, sys.executable, "new_service.py", **ORDERS))
    run(root, "git", "commit", "--quiet", "--message=Add orders")
    return root


def test_gates_pass_with_the_new_service(made: Path, pytestconfig: pytest.Config) -> None:
    is_complete: bool = pytestconfig.getoption("--all")
    tox(made, "-c services/orders -e types")
    tox(made, f"{SERVICE} " if is_complete else f"{SERVICE} -m 'not slow and not contract'")
    gates(made, is_complete=is_complete)


def test_new_pacts_are_counted(made: Path) -> None:
    output = tox(made, "-e contracts -- check items")
    assert (made / "contracts/pacts/orders-items.json").exists()
    assert "interactions verified" in output
    assert run(made, "git", "status", "--porcelain") == ""


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


def test_failure_halfway_leaves_nothing_behind(tmp_path: Path) -> None:
    root = clone(tmp_path)
    (root / "templates/service/pyproject.toml.jinja").write_text("[tool\n")
    run(root, "git", "commit", "--quiet", "--all", "--message=Break the template")
    failed = attempt(root, sys.executable, "new_service.py", **ORDERS)
    assert failed.returncode == 1
    assert "failed, and nothing was written" in failed.stdout
    assert run(root, "git", "status", "--porcelain") == ""
