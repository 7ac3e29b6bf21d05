"""The graph follows packaging, imports, tox and the contract files of a small repository."""

import json
import subprocess
from pathlib import Path

import pytest
import show_affected
from affected.derivation import derive

PACKAGE = """
[project]
name = "{name}"
dependencies = {needs}
[tool.hatch.build.targets.wheel]
packages = {imports}
[tool.tox.env_run_base]
deps = {installs}
"""
TOX = """
[testenv:e2e-local]
deps =
    -r services/till/pyproject.toml
commands = pytest tests/e2e
[testenv:chaos]
commands = pytest tests/chaos
[testenv:contracts]
deps =
    -r services/till/pyproject.toml
    -r services/shelf/pyproject.toml
commands = python tools/check_contracts.py
[testenv:schemathesis]
deps = {[testenv:e2e-local]deps}
"""
FILES = {
    "tox.ini": TOX,
    "README.md": "",
    "shared/base/pyproject.toml": PACKAGE.format(
        name="base", needs=[], imports=["src/base"], installs=[]
    ),
    "shared/base/src/base/__init__.py": "",
    "services/till/pyproject.toml": PACKAGE.format(
        name="till", needs=["base[extra]>=1"], imports=[], installs=[]
    ),
    "services/till/app/main.py": "",
    "services/till/tests/test_main.py": "",
    "services/till/README.md": "",
    "services/shelf/pyproject.toml": PACKAGE.format(
        name="shelf", needs=[], imports=[], installs=["-e ../../shared/base[extra]"]
    ),
    "services/shelf/app/main.py": "",
    "tests/e2e/people.py": "",
    "tests/chaos/test_chaos.py": "import people",
    "tools/check_contracts.py": "from gate import pacts",
    "tools/gate/__init__.py": "",
    "contracts/states.toml": "[till]",
    "contracts/pacts/shelf-till.json": json.dumps(
        {"consumer": {"name": "shelf"}, "provider": {"name": "till"}}
    ),
}
CONTRACTS_OF_TILL = {"contract consumers", "contract provider till", "contract report"}
CONTRACTS = CONTRACTS_OF_TILL | {"contract provider shelf"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        write(tmp_path / name, text)
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "All"]):
        git(tmp_path, *command)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def git(root: Path, *arguments: str) -> None:
    author = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *author, *arguments], cwd=root, check=True)


def reached(root: Path, *files: str) -> set[str]:
    """Without those that nearly every file reaches."""
    return {
        *derive(root).reasons(files),
    } - {"docs", "secrets", "pipelines", "coverage", "contract-drift", "contract-example"}


class TestGraph:
    def test_a_service_reaches_its_tests_and_what_runs_it(self, root: Path) -> None:
        assert reached(root, "services/till/app/main.py") == {
            *("lint", "check types", "test till", *CONTRACTS_OF_TILL),
            *("image till", "e2e", "e2e-faults", "e2e-local", "schemathesis"),
        }

    def test_tests_reach_nobody_else(self, root: Path) -> None:
        assert reached(root, "services/till/tests/test_main.py") == {
            *("lint", "check types", "test till", *CONTRACTS_OF_TILL),
        }

    def test_what_packaging_names_reaches_who_names_it(self, root: Path) -> None:
        gates = reached(root, "shared/base/src/base/__init__.py")

        assert {"test base", "test till", "test shelf", "e2e-local"} <= gates

    def test_a_dependency_that_goes_is_an_edge_that_goes(self, root: Path) -> None:
        settings = root / "services/till/pyproject.toml"
        settings.write_text(settings.read_text().replace("base[extra]>=1", "other"))

        assert "test till" not in reached(root, "shared/base/src/base/__init__.py")

    def test_an_import_that_packaging_does_not_name_is_an_edge_too(self, root: Path) -> None:
        (root / "tests/chaos/test_chaos.py").write_text("def late():\n    import base.x")

        assert "chaos" in reached(root, "shared/base/src/base/__init__.py")

    def test_an_import_between_sets_of_tests_is_an_edge(self, root: Path) -> None:
        assert {"e2e-local", "chaos"} <= reached(root, "tests/e2e/people.py")

    def test_a_module_of_a_gate_reaches_the_gate(self, root: Path) -> None:
        assert reached(root, "tools/gate/__init__.py") == {
            "lint",
            "check types",
            "tools",
            *CONTRACTS,
        }

    def test_a_pact_reaches_its_consumer_and_its_provider(self, root: Path) -> None:
        assert reached(root, "contracts/pacts/shelf-till.json") == {
            *("test shelf", "test till", *CONTRACTS)
        }

    def test_what_is_installed_beside_a_provider_reaches_it_and_what_it_runs_does_not(
        self, root: Path
    ) -> None:
        assert "contract provider shelf" in reached(root, "services/till/pyproject.toml")
        assert "contract provider shelf" not in reached(root, "services/till/app/main.py")

    def test_a_description_reaches_no_provider_and_what_is_of_no_pair_each(
        self, root: Path
    ) -> None:
        write(root / "contracts/openapi/till.json", "{}")
        write(root / "contracts/bootstrap.toml", "")

        assert reached(root, "contracts/openapi/till.json") == {
            *("contract consumers", "contract report")
        }
        assert reached(root, "contracts/bootstrap.toml") == CONTRACTS

    def test_configuration_of_the_root_reaches_all(self, root: Path) -> None:
        graph = derive(root)

        for file in ("tox.ini", "constraints.txt", ".gitlab-ci.yml", ".gitlab/service.yml"):
            assert list(graph.reasons([file])) == graph.names

    @pytest.mark.parametrize("document", ["README.md", "services/till/README.md"])
    def test_documentation_reaches_its_own_checks_alone(self, root: Path, document: str) -> None:
        assert list(derive(root).reasons([document])) == ["docs", "secrets"]

    def test_a_file_that_nothing_owns_reaches_nothing(self, root: Path) -> None:
        assert derive(root).reasons(["mystery/file.bin"]) == {}


class TestCommand:
    def test_it_says_what_would_run_and_why(
        self, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(root / "services/till/app/main.py", "changed = True")

        assert show_affected.main(["--since", "main"], root) == 0

        out = capsys.readouterr().out
        assert "1 files have changed since main" in out
        assert (
            "test till\n    cd services/till && tox -e py311\n    because services/till/app" in out
        )
        assert "Not reached: tools" in out

    def test_what_is_committed_on_the_branch_and_what_is_new_count(
        self, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        git(root, "switch", "-qc", "branch")
        git(root, "rm", "-q", "services/shelf/app/main.py")
        git(root, "commit", "-qm", "Remove")
        write(root / "contracts/new file.json", "{}")

        show_affected.main(["--json"], root)

        assert {"test shelf"} <= set(json.loads(capsys.readouterr().out))
        assert reached(root, "contracts/new file.json") == CONTRACTS

    def test_a_commit_that_git_does_not_know_is_an_error_and_no_empty_list(
        self, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert show_affected.main(["--since", "nonesuch"], root) == 2
        assert "nonesuch" in capsys.readouterr().err
