"""The coverage gate fails when it must: a small repository with two services called `app`."""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import check_coverage
import pytest
from running import TOOLS

pytestmark = pytest.mark.slow

REPOSITORY = TOOLS.parent
FLOORS = """
[tool.coverage-floors.sqlite-and-postgres]
"services/users" = 95
"services/items" = 95

[tool.coverage-floors.sqlite-alone]
"services/users" = 95
"""
APP = """
def absolute(number):
    if number < 0:
        number = -number
    return number


def on_postgres():
    return True
"""
BOTH_BRANCHES = """
from app.main import absolute, on_postgres


def test_both():
    assert absolute(1) == absolute(-1)
    assert on_postgres()
"""
ONE_BRANCH = BOTH_BRANCHES.replace("absolute(1) == ", "1 == ")
NEVER_RUNS = """

def never():
    assert absolute(1) == 1
    assert absolute(2) == 2
"""
BRIEF = """

def test_profile(request):
    assert request.config.getoption("--hypothesis-profile") == "brief"
"""
FAILING = f"{BOTH_BRANCHES}    assert absolute(1) == 2\n"
POSTGRES_ONLY = """
import pytest
from app.main import absolute, on_postgres


def test_absolute():
    assert absolute(1) == absolute(-1)


@pytest.mark.integration
@pytest.mark.database
def test_on_postgres(request):
    if request.config.getoption("--database") == "postgres":
        assert on_postgres()
"""
CONFTEST = """
def pytest_addoption(parser):
    parser.addoption("--database")
    parser.addoption("--hypothesis-profile", default="all")


def pytest_configure(config):
    config.addinivalue_line("markers", "integration: as the testing package has it")
    config.addinivalue_line("markers", "database: as the testing package has it")
"""


PYTEST = """
[tool.pytest.ini_options]
pythonpath = ["."]

"""


def read_settings(folder: str) -> dict[str, Any]:
    """What the pyproject.toml of a real folder says of its tools."""
    text = (REPOSITORY / folder / "pyproject.toml").read_text()
    tools: dict[str, Any] = tomllib.loads(text)["tool"]
    return tools


def real_settings(folder: str, until: str) -> str:
    """The coverage settings of a real folder, as text."""
    text = (REPOSITORY / folder / "pyproject.toml").read_text()
    return text[text.index("[tool.coverage.run]") : text.index(until)]


class Repository:
    """Two services with the coverage settings of the real ones, and floors of their own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        combining = real_settings(".", until="[tool.coverage-floors")
        (root / "pyproject.toml").write_text(combining + FLOORS)
        for name in ("users", "items"):
            self.add_service(name)

    def add_service(self, name: str) -> None:
        folder = self.root / "services" / name
        (folder / "app").mkdir(parents=True)
        (folder / "tests").mkdir()
        (folder / "app/main.py").write_text(APP)
        (folder / "tests/conftest.py").write_text(CONFTEST)
        measuring = real_settings(f"services/{name}", until="[tool.tox]")
        (folder / "pyproject.toml").write_text(PYTEST + measuring)
        self.write_test(name, BOTH_BRANCHES)

    def write_test(self, name: str, text: str) -> None:
        (self.root / "services" / name / "tests/test_it.py").write_text(text)

    def covered_lines(self) -> dict[str | None, float]:
        """The share of covered lines of each file, from the combined Cobertura report."""
        classes = ET.parse(self.root / "coverage.xml").iter("class")  # noqa: S314 - coverage wrote it
        return {each.get("filename"): float(each.get("line-rate", "nan")) for each in classes}


@pytest.fixture
def repository(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr(check_coverage, "_finds_postgres", lambda: False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return Repository(pytester.path)


class TestGate:
    def test_a_package_above_its_floor_passes(self, repository: Repository) -> None:
        assert check_coverage.main(repository.root, ["services/users"]) == 0

    def test_an_unvisited_branch_fails_its_package(
        self, repository: Repository, capfd: pytest.CaptureFixture[str]
    ) -> None:
        repository.write_test("users", ONE_BRANCH)

        assert check_coverage.main(repository.root, []) == 1
        users, items = capfd.readouterr().out.splitlines()[-2:]
        assert users == "FAILED  services/users: 94.44 %, the floor is 95 %"
        assert items.endswith("its floor needs PostgreSQL, and no server was found")

    def test_a_test_that_never_runs_counts_as_missed(self, repository: Repository) -> None:
        repository.write_test("users", BOTH_BRANCHES + NEVER_RUNS)

        assert check_coverage.main(repository.root, ["services/users"]) == 1

    def test_contract_tests_are_left_to_their_gate(self, repository: Repository) -> None:
        contract = repository.root / "services/users/tests/contract"
        contract.mkdir()
        (contract / "test_promises.py").write_text(
            f"import pytest\n\npytestmark = pytest.mark.contract\n{FAILING}"
        )

        assert check_coverage.main(repository.root, ["services/users"]) == 0

    def test_a_failed_test_fails_its_package(self, repository: Repository) -> None:
        repository.write_test("items", FAILING)

        assert check_coverage.main(repository.root, ["services/items"]) == 1

    def test_lines_of_postgres_count_where_there_is_one(
        self, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        repository.write_test("users", POSTGRES_ONLY)
        assert check_coverage.main(repository.root, ["services/users"]) == 1

        monkeypatch.setattr(check_coverage, "_finds_postgres", lambda: True)
        assert check_coverage.main(repository.root, ["services/users"]) == 0

    def test_brief_tries_fewer_examples(self, repository: Repository) -> None:
        repository.write_test("users", BOTH_BRANCHES + BRIEF)

        assert check_coverage.main(repository.root, ["services/users", "--brief"]) == 0
        assert check_coverage.main(repository.root, ["services/users"]) == 1

    def test_a_package_without_a_floor_is_a_usage_error(self, repository: Repository) -> None:
        assert check_coverage.main(repository.root, ["services/orders"]) == 2


class TestReports:
    def test_two_files_of_one_path_stay_two(self, repository: Repository) -> None:
        repository.write_test("items", "import app.main\n\n\ndef test_nothing():\n    pass\n")
        check_coverage.main(repository.root, [])

        covered = repository.covered_lines()
        assert covered["services/users/app/main.py"] == 1
        assert covered["services/items/app/main.py"] < 1

    def test_there_are_cobertura_html_and_junit(self, repository: Repository) -> None:
        check_coverage.main(repository.root, ["services/users"])

        for folder in (repository.root, repository.root / "services/users"):
            assert (folder / "coverage.xml").exists()
            assert (folder / "htmlcov/index.html").exists()
        assert (repository.root / "services/users/report.xml").exists()


class TestCombine:
    def test_the_total_is_of_what_earlier_runs_have_measured(
        self, repository: Repository, capfd: pytest.CaptureFixture[str]
    ) -> None:
        repository.write_test("users", ONE_BRANCH)
        check_coverage.main(repository.root, ["services/users"])
        check_coverage.main(repository.root, ["services/items"])
        (repository.root / "coverage.xml").unlink()
        capfd.readouterr()

        assert check_coverage.main(repository.root, ["--combine"]) == 0

        out = capfd.readouterr().out
        assert "Together, users, items:" in out
        assert re.search(r"^TOTAL .* 97\.22%$", out, re.MULTILINE)
        assert set(repository.covered_lines()) > {"services/users/app/main.py"}

    def test_nothing_measured_is_a_failure_and_no_hundred_per_cent(
        self, repository: Repository, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert check_coverage.main(repository.root, ["--combine"]) == 1
        assert "nothing to combine" in capfd.readouterr().err


def test_a_run_of_one_test_is_held_to_no_floor(
    repository: Repository, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write_test("users", ONE_BRANCH + NEVER_RUNS)
    monkeypatch.chdir(repository.root / "services/users")

    one_test = ["pytest", "-p", "pytest_cov", "--cov=app", "-k", "test_both"]
    result = pytester.run(sys.executable, "-m", *one_test)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["app/main.py * 3->*", "TOTAL *"])


def test_all_packages_are_measured_alike() -> None:
    floors = read_settings(".")["coverage-floors"]
    settings = [read_settings(folder)["coverage"] for folder in floors["sqlite-and-postgres"]]

    for each in settings:
        assert "tests" in each["run"].pop("source")
    assert all(each == settings[0] for each in settings)
    assert not {"fail_under", "omit"} & {name for part in settings[0].values() for name in part}
