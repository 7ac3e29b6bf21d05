"""The mutation gate bites: a small package with changes that its tests notice, and some that they don't."""

import os

import check_mutation
import pytest
from mutation.package import Suite

pytestmark = pytest.mark.slow

SETTINGS = """
[tool.mutation-floors]
"services/users" = {floor}

[tool.mutation-modules]
"services/users" = ["app/*.py"]
"""
PYTEST = """
[tool.pytest.ini_options]
pythonpath = ["."]
addopts = ["-p", "pytest_cov"]
"""
# Three mutants: the constant, the comparison, and what is returned.
APP = """
LIMIT = 9


def is_too_long(text):
    return len(text) > LIMIT
"""
GOOD_TESTS = """
from app.main import is_too_long


def test_limit():
    assert is_too_long("1234567890")
    assert not is_too_long("123456789")
"""
WEAK_TESTS = """
from app.main import is_too_long


def test_limit():
    assert is_too_long("1234567890")
"""
IN_ANOTHER_PROCESS = """
import subprocess
import sys


def test_limit():
    code = "from app.main import is_too_long; print(is_too_long('1' * 9), is_too_long('1' * 10))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert out.split() == ["False", "True"]
"""
IN_A_FIXTURE = """
import pytest
from app.main import is_too_long


@pytest.fixture(scope="session")
def answers():
    return is_too_long("1" * 9), is_too_long("1" * 10)


def test_first(answers):
    pass


def test_second(answers):
    assert answers == (False, True)
"""
ENDLESS = """
def drain(queue):
    while queue:
        queue.pop()
"""
EXPLAINED = """
[categories]
equivalent = "Nobody could tell."

[[survivors]]
module = "services/users/app/main.py"
category = "equivalent"
reason = "An example."
changes = ['''
-    return len(text) > LIMIT
+    return len(text) >= LIMIT
''']
"""


class Repository:
    """One package, with a floor."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.root = pytester.path
        self.folder = self.root / "services/users"
        (self.folder / "app").mkdir(parents=True)
        (self.folder / "tests").mkdir()
        (self.folder / "pyproject.toml").write_text(PYTEST)
        (self.folder / "app/main.py").write_text(APP)
        self.write_tests(GOOD_TESTS)
        self.set_floor(100)

    def set_floor(self, floor: int) -> None:
        (self.root / "pyproject.toml").write_text(SETTINGS.format(floor=floor))

    def write_tests(self, text: str) -> None:
        (self.folder / "tests/test_it.py").write_text(text)

    def explain(self) -> None:
        (self.root / "docs").mkdir()
        (self.root / "docs/mutation-survivors.toml").write_text(EXPLAINED)


@pytest.fixture
def repository(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return Repository(pytester)


@pytest.mark.parametrize("tests", [IN_ANOTHER_PROCESS, IN_A_FIXTURE])
def test_a_package_whose_tests_notice_everything_passes(
    repository: Repository, tests: str, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write_tests(tests)

    assert check_mutation.main(repository.root, []) == 0
    assert "passed  users: 100.0 %, the floor is 100 %" in capsys.readouterr().out


def test_a_survivor_is_shown_and_fails_its_package(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write_tests(WEAK_TESTS)

    assert check_mutation.main(repository.root, []) == 1
    out = capsys.readouterr().out
    assert "Survived: services/users/app/main.py:6, is_too_long" in out
    assert "+    return len(text) >= LIMIT" in out
    assert "FAILED  users: 66.7 %, the floor is 100 %" in out

    # Explained, it is counted and not shown.
    repository.explain()
    assert check_mutation.main(repository.root, []) == 1
    out = capsys.readouterr().out
    assert "Survived" not in out
    assert "| 3 | 3 | 2 | 1 | 0 | 66.7 % |" in out

    # A lower floor lets it pass, and so does a run of the module alone, which has no floor.
    repository.set_floor(50)
    assert check_mutation.main(repository.root, ["users"]) == 0
    repository.set_floor(100)
    assert check_mutation.main(repository.root, ["users/main"]) == 0


def test_a_mutant_is_tried_again_only_when_something_has_changed(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_mutation.main(repository.root, []) == 0
    repository.explain()
    with monkeypatch.context() as patched:
        patched.setattr(check_mutation, "_open_trial", None)  # calling it would fail
        assert check_mutation.main(repository.root, []) == 0
        assert "Explained, but doesn't survive: services/users" in capsys.readouterr().out
        # A sample says nothing of the mutants that are not in it.
        assert check_mutation.main(repository.root, ["--sample", "1"]) == 0
        out = capsys.readouterr().out
        assert "services/users/app/main.py: 1 of 3 mutants" in out
        assert "| 3 | 1 | 1 | 0 | 0 | 100.0 % |" in out
        assert "Explained, but" not in out

    repository.write_tests(WEAK_TESTS)
    assert check_mutation.main(repository.root, []) == 1


def test_what_some_of_the_tests_let_pass_is_held_to_no_floor_and_forgotten(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository.folder / "tests/test_weak.py").write_text(WEAK_TESTS)

    assert check_mutation.main(repository.root, ["users", "--tests", "tests/test_weak.py"]) == 0
    out = capsys.readouterr().out
    assert "Survived: services/users/app/main.py:6, is_too_long" in out
    assert "the floor is" not in out

    assert check_mutation.main(repository.root, ["users"]) == 0
    assert "passed  users: 100.0 %, the floor is 100 %" in capsys.readouterr().out


@pytest.mark.parametrize("size", ["0", "-1", "some"])
def test_a_sample_has_a_size(repository: Repository, size: str) -> None:
    with pytest.raises(SystemExit):
        check_mutation.main(repository.root, ["--sample", size])


def test_a_mutant_that_never_ends_is_killed(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mutation.trial._PATIENCE_SECONDS", 3)
    (repository.folder / "app/main.py").write_text(ENDLESS)
    repository.write_tests(
        "from app.main import drain\n\n\ndef test_it():\n    drain(queue := [1])\n    assert not queue\n"
    )

    check_mutation.main(repository.root, [])
    kept = (repository.root / ".mutation_cache/users.json").read_text()
    assert '["time",' in kept


def test_a_mutant_is_not_killed_by_a_busy_machine(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mutation.trial._PATIENCE_SECONDS", 0.01)  # as if all were slow
    repository.write_tests(WEAK_TESTS)

    check_mutation.main(repository.root, [])
    assert "FAILED  users: 66.7 %" in capsys.readouterr().out
    assert '["time",' not in (repository.root / ".mutation_cache/users.json").read_text()


def test_tests_that_fail_by_themselves_prove_nothing(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write_tests("def test_it():\n    assert False\n")

    assert check_mutation.main(repository.root, []) == 1
    assert "1 failed" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["orders", "users/nothing"])
def test_an_unknown_target_is_a_usage_error(repository: Repository, target: str) -> None:
    assert check_mutation.main(repository.root, [target]) == 2


def test_quick_tests_and_those_that_killed_before_come_first() -> None:
    tests = Suite({"slow": 3, "quick": 1, "quicker": 0.5}, [], {}, kills={"slow": 1})
    assert tests.ordered(tests.seconds) == ["slow", "quicker", "quick"]
    assert tests.ordered(tests.seconds, limit_seconds=3.5) == ["slow", "quicker"]
    assert tests.ordered(tests.seconds, limit_seconds=0.1) == ["slow"]


def test_postgres_is_told_to_each_run_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("TEST_POSTGRES_URL", "postgresql://127.0.0.1/given")
    with check_mutation.on_postgres():
        assert os.environ["PYTEST_ADDOPTS"] == "--database=postgres"
        assert os.environ["TEST_POSTGRES_URL"] == "postgresql://127.0.0.1/given"
    assert "PYTEST_ADDOPTS" not in os.environ
