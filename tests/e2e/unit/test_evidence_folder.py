"""A failed test leaves its evidence in a folder that its report names."""

from pathlib import Path

import pytest

import workspace

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.slow

CONFTEST = """
import pytest
from tests.e2e.stash import STACK

pytest_plugins = ["tests.e2e.evidence"]

class FakeStack:
    def describe(self):
        if error := {error!r}:
            raise OSError(error)
        return {{"users.log": "one line", "states.txt": "users: running"}}

@pytest.fixture(autouse=True)
def stack(pytestconfig):
    pytestconfig.stash[STACK] = FakeStack()

@pytest.fixture
def client(request_log):
    with request_log.client("http://127.0.0.1:9") as client:
        yield client
"""
FAILING = """
import httpx
import pytest

def test_fails(client):
    with pytest.raises(httpx.ConnectError):
        client.get("/items/?secret=1", headers={"X-Request-ID": "the-id"})
    assert False
"""


def run(pytester: pytest.Pytester, test: str, *, error: str = "") -> pytest.RunResult:
    pytester.makeconftest(CONFTEST.format(error=error))
    pytester.makepyfile(test_it=test)
    return pytester.runpytest_subprocess(
        "--evidence=evidence", "-p", "no:cacheprovider", "-p", "no:service_testing"
    )


@pytest.fixture(autouse=True)
def python_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(workspace.ROOT))


@pytest.fixture
def folder(pytester: pytest.Pytester) -> Path:
    return pytester.path / "evidence" / "test_it-test_fails"


def test_report_names_the_folder_with_its_files(pytester: pytest.Pytester, folder: Path) -> None:
    failed = run(pytester, FAILING)
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(
        ["*evidence*", "*test_it-test_fails: requests.txt, states.txt, users.log"]
    )
    assert (folder / "users.log").read_text() == "one line"
    (line,) = (folder / "requests.txt").read_text().splitlines()
    # The id of each request, but nothing that was sent.
    assert line.endswith("none  the-id  GET /items/")


def test_failed_description_does_not_hide_the_failure(
    pytester: pytest.Pytester, folder: Path
) -> None:
    failed = run(pytester, FAILING, error="no answer")
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["*assert False*", "*evidence*"])
    assert (folder / "description-failed.txt").read_text() == "OSError: no answer"


def test_passed_test_leaves_nothing(pytester: pytest.Pytester) -> None:
    run(pytester, "def test_passes(client):\n    pass").assert_outcomes(passed=1)
    assert not (pytester.path / "evidence").exists()
