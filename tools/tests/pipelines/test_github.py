"""GitHub runs the gates that GitLab runs, by the same calls."""

import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import show_affected
from github_workflow import Workflow
from gitlab_rules import Event
from recorded_calls import recorded_calls
from repository import FILES, GRAPH, PIPELINE, ROOT

FILE = ROOT / ".github/workflows/test.yml"
WORKFLOW = Workflow(FILE)
ACTION = re.compile(r"^\s*-? *uses: *(\S+)(.*)$", re.MULTILINE)


def outputs(gates: list[str]) -> dict[str, Any]:
    """Of the job that asks what is affected, when these are."""
    reached = [gate for gate in GRAPH.gates if gate.name in gates]
    return show_affected.outputs_of(reached)


def on_gitlab(gates: list[str]) -> dict[str, set[str]]:
    """What the jobs of these gates call, on the branch where everything runs."""
    variables = {"CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}
    return {
        job.name: recorded_calls(
            "\n".join(job.settings["script"]),
            ROOT,
            programs=("tox", "docker"),
            variables=job.settings["variables"],
        )
        for job in PIPELINE.jobs(Event(variables=variables)).values()
        if job.origin in gates
    }


def on_github(gates: list[str]) -> dict[str, set[str]]:
    return {job.name: job.calls(ROOT) for job in WORKFLOW.jobs(outputs(gates))}


@pytest.mark.parametrize("gate", GRAPH.names)
def test_a_gate_is_the_same_calls_on_both(gate: str) -> None:
    there, here = on_gitlab([gate]), on_github([gate])

    assert set().union(*there.values()) == set().union(*here.values()) != set()
    assert len(there) == len(here)


def test_a_change_that_reaches_nothing_runs_nothing() -> None:
    assert on_github([]) == {}


def test_no_change_skips_a_job_for_one_before_it_that_it_does_not_reach() -> None:
    """GitHub skips what needs a skipped job, unless it says `always()`."""
    skipped = set()
    for file in FILES:
        running = {job.origin: job for job in WORKFLOW.jobs(outputs([*GRAPH.reasons([file])]))}
        for job in running.values():
            waits_for = set(job.settings["needs"]) - {"affected"} - running.keys()
            if waits_for and not job.settings["if"].startswith("always()"):
                skipped.add((file, job.origin))
    assert skipped == set()


class TestContracts:
    def test_a_provider_is_verified_after_the_consumers_and_only_if_they_pass(self) -> None:
        job = WORKFLOW.settings["jobs"]["contract-provider"]

        assert set(job["needs"]) == {"affected", "contract-consumers"}
        assert "always()" not in job["if"]

    def test_the_page_is_made_of_what_all_of_them_leave_whatever_comes_of_them(self) -> None:
        jobs = WORKFLOW.settings["jobs"]
        parts = ["contract-consumers", "contract-provider"]
        download, make = jobs["contract-report"]["steps"][-3:-1]

        assert set(jobs["contract-report"]["needs"]) == {"affected", *parts}
        assert jobs["contract-report"]["if"].startswith("always() && ")
        assert f"--from={download['with']['path']} " in make["run"]
        for part in parts:
            run, upload = jobs[part]["steps"][-2:]
            assert "--record=" in run["run"]
            assert download["with"]["path"] in run["run"]
            assert upload["if"] == "always()"
            assert upload["with"]["path"] == f"{download['with']['path']}/"
            assert fnmatch(upload["with"]["name"], download["with"]["pattern"])


def test_the_job_that_a_branch_rule_asks_for_waits_for_all_others() -> None:
    jobs = WORKFLOW.settings["jobs"]

    assert set(jobs["passed"]["needs"]) == jobs.keys() - {"passed"}


def test_one_event_alone_answers_for_the_commits_of_a_pull_request() -> None:
    """A second run of the required check could be green before the first has ended."""
    events = WORKFLOW.settings["on"]

    assert events["push"]["branches"] == ["main"]
    assert events.keys() == {"push", "pull_request", "schedule", "workflow_dispatch"}
    assert "if" not in WORKFLOW.settings["jobs"]["affected"]


def test_no_job_may_write() -> None:
    assert WORKFLOW.settings["permissions"] == {}
    for name, job in WORKFLOW.settings["jobs"].items():
        assert set(job["permissions"].values()) <= {"read"}, name


def test_each_job_has_a_time_limit() -> None:
    assert [
        name for name, job in WORKFLOW.settings["jobs"].items() if "timeout-minutes" not in job
    ] == []


@pytest.mark.parametrize(
    "file", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.name
)
def test_each_action_is_pinned_by_a_commit_and_names_its_version(file: Path) -> None:
    for action, comment in ACTION.findall(file.read_text()):
        if not action.startswith("$/"):
            assert re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40}", action)
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment)


class TestAffected:
    @pytest.mark.parametrize("arguments", [["--all"], ["--since=HEAD"]], ids=["all", "since"])
    def test_the_outputs_can_be_read_by_the_jobs(
        self, tmp_path: Path, arguments: list[str]
    ) -> None:
        file = tmp_path / "output"

        assert show_affected.main([*arguments, "--github", str(file)], ROOT) == 0

        lines = dict(line.split("=", 1) for line in file.read_text().splitlines())
        assert lines.keys() == WORKFLOW.settings["jobs"]["affected"]["outputs"].keys()
        gates = json.loads(lines["gates"])
        assert set(gates) <= set(GRAPH.names)
        if "--all" in arguments:
            assert set(on_github(gates)) == set(on_github(GRAPH.names))
