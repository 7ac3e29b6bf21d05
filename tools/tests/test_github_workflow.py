"""The simulation reads a workflow as GitHub does, and fails on what it can't read."""

from pathlib import Path
from subprocess import CalledProcessError

import pytest
from github_workflow import Workflow, holds, value
from recorded_calls import recorded_calls

WORKFLOW = """
on: push
jobs:
  affected: {name: affected, steps: []}
  test:
    name: test ${{ matrix.package.name }} ${{ matrix.python }}
    if: contains(fromJSON(needs.affected.outputs.gates), 'test')
    strategy:
      matrix:
        package: ${{ fromJSON(needs.affected.outputs.packages) }}
        run: [plain, measured]
        include:
          - {run: plain, python: "3.12"}
          - {run: measured, python: "3.13"}
    steps:
      - uses: somebody/something
      - if: matrix.run == 'plain'
        run: tox -e "$RUN"
        working-directory: ${{ matrix.package.folder }}
        env: {RUN: "${{ matrix.run }}"}
      - if: matrix.run != 'plain'
        run: tox -e coverage
"""
OUTPUTS = {"gates": ["test"], "packages": [{"name": "till", "folder": "till"}]}


@pytest.fixture
def workflow(tmp_path: Path) -> Workflow:
    (tmp_path / "till").mkdir()
    (tmp_path / "workflow.yml").write_text(WORKFLOW)
    return Workflow(tmp_path / "workflow.yml")


def test_a_job_is_made_for_each_combination(workflow: Workflow, tmp_path: Path) -> None:
    calls = {job.name: job.calls(tmp_path) for job in workflow.jobs(OUTPUTS)}

    assert calls == {
        "test till 3.12": {"till$ tox -e plain"},
        "test till 3.13": {".$ tox -e coverage"},
    }


def test_a_job_whose_gate_is_not_reached_is_skipped(workflow: Workflow) -> None:
    assert list(workflow.jobs({**OUTPUTS, "gates": ["tests"]})) == []


@pytest.mark.parametrize(
    ("second", "expected"), [("matrix.run == 'plain'", True), ("matrix.run == 'other'", False)]
)
def test_a_condition_of_two_holds_when_both_do(second: str, expected: bool) -> None:
    assert holds(f"always() && {second}", {"matrix": {"run": "plain"}}) is expected


@pytest.mark.parametrize(
    "condition",
    ["failure()", "matrix.run", "a == 'b' || c == 'd'", "matrix.run == 'other' && failure()"],
)
def test_a_condition_that_cannot_be_read_is_an_error(condition: str) -> None:
    with pytest.raises(AssertionError):
        holds(condition, {"matrix": {"run": "plain"}})


def test_a_value_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        value("${{ matrix.nonesuch }}", {"matrix": {}})


class TestRecordedCalls:
    def test_each_call_is_seen_with_its_folder(self, tmp_path: Path) -> None:
        (tmp_path / "till").mkdir()
        script = 'if [ "$A" = b ]; then cd till; fi\ntox -e x -- --junitxml=report.xml --more'

        calls = recorded_calls(script, tmp_path, programs=["tox"], variables={"A": "b"})

        assert calls == {"till$ tox -e x -- --more"}

    @pytest.mark.parametrize("script", ["curl there", "tox -e x\nfalse", "cd nowhere", "echo $B"])
    def test_what_it_cannot_run_is_an_error(self, tmp_path: Path, script: str) -> None:
        with pytest.raises(CalledProcessError):
            recorded_calls(script, tmp_path, programs=["tox"], variables={})
