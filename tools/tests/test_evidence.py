"""A failed workflow leaves its evidence in a folder, and its report says where (tests/e2e)."""

import pytest
from running import TOOLS

E2E = TOOLS.parent / "tests" / "e2e"
CONFTEST = """
import httpx
import pytest
from keys import STACK

pytest_plugins = ["evidence"]

class FakeStack:
    def describe(self):
        if broken := {broken!r}:
            raise OSError(broken)
        return {{"users.log": "one line", "states.txt": "users: running"}}

@pytest.fixture(autouse=True)
def stack(pytestconfig):
    pytestconfig.stash[STACK] = FakeStack()

@pytest.fixture
def client(calls):
    with calls.client("http://127.0.0.1:9") as client:
        yield client
"""
FAILING = """
import httpx
import pytest

def test_goes_wrong(client):
    with pytest.raises(httpx.ConnectError):
        client.get("/items/?secret=1", headers={"X-Request-ID": "the-id"})
    assert False
"""


@pytest.fixture
def failed(pytester: pytest.Pytester, request: pytest.FixtureRequest) -> pytest.RunResult:
    pytester.makeini(f"[pytest]\npythonpath = {E2E}\n")
    pytester.makeconftest(CONFTEST.format(broken=getattr(request, "param", "")))
    pytester.makepyfile(test_it=FAILING)
    return pytester.runpytest_subprocess(
        "--evidence=left", "-p", "no:cacheprovider", "-p", "no:service_testing"
    )


def test_the_report_of_a_failure_names_the_folder_and_what_is_in_it(
    failed: pytest.RunResult, pytester: pytest.Pytester
) -> None:
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(
        ["*left behind*", "*test_it-test_goes_wrong: requests.txt, states.txt, users.log"]
    )
    folder = pytester.path / "left/test_it-test_goes_wrong"
    assert (folder / "users.log").read_text() == "one line"


@pytest.mark.slow
def test_each_request_is_there_with_its_id_and_without_what_was_sent(
    failed: pytest.RunResult, pytester: pytest.Pytester
) -> None:
    failed.assert_outcomes(failed=1)
    (line,) = (pytester.path / "left/test_it-test_goes_wrong/requests.txt").read_text().splitlines()
    assert line.endswith("none  the-id  GET /items/")


@pytest.mark.slow
@pytest.mark.parametrize("failed", ["no answer"], indirect=True)
def test_a_stack_that_cannot_be_described_does_not_hide_the_failure(
    failed: pytest.RunResult, pytester: pytest.Pytester
) -> None:
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["*assert False*", "*left behind*"])
    left = pytester.path / "left/test_it-test_goes_wrong/description-failed.txt"
    assert left.read_text() == "OSError: no answer"


@pytest.mark.slow
def test_a_test_that_passes_leaves_nothing(pytester: pytest.Pytester) -> None:
    pytester.makeini(f"[pytest]\npythonpath = {E2E}\n")
    pytester.makeconftest(CONFTEST.format(broken=""))
    pytester.makepyfile(test_it="def test_goes_well(client):\n    pass")
    passed = pytester.runpytest_subprocess("--evidence=left", "-p", "no:service_testing")
    passed.assert_outcomes(passed=1)
    assert not (pytester.path / "left").exists()
