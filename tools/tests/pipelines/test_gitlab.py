"""What GitLab would run, for events and changes, as this repository's pipeline says."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from gitlab_pipeline import Job, Pipeline, dangling_needs, needs
from gitlab_rules import Event
from repository import FILES, GRAPH, PIPELINE, ROOT

MAIN = {"CI_DEFAULT_BRANCH": "main"}
PUSH = {**MAIN, "CI_PIPELINE_SOURCE": "push"}
BRANCH = {**PUSH, "CI_COMMIT_BRANCH": "topic"}
REQUEST = {**MAIN, "CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": "1"}
ON_MAIN = {**PUSH, "CI_COMMIT_BRANCH": "main"}
TAG = {**PUSH, "CI_COMMIT_TAG": "v1.0.0"}
SCHEDULE = {**MAIN, "CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main"}
RESERVED = {
    "types",
    "cache",
    "before_script",
    "after_script",
    "true",
    "false",
    "nil",
    "pages:deploy",
}
"""Beside the keywords of a whole file, which the simulation knows."""
EVENTS = {"main": ON_MAIN, "tag": TAG, "schedule": SCHEDULE}


def jobs(variables: dict[str, str], *changed: str, has_base: bool = False) -> dict[str, Job]:
    event = Event(variables=variables, changed=changed, files=FILES, has_base=has_base)
    return PIPELINE.jobs(event)


def gates(variables: dict[str, str], *changed: str) -> set[str]:
    """The jobs that ask something; those that deploy or publish ask nothing."""
    return {job.origin for job in jobs(variables, *changed).values()} & set(GRAPH.names)


class TestAffected:
    @pytest.mark.parametrize("variables", [BRANCH, REQUEST], ids=["branch", "request"])
    def test_each_file_runs_the_jobs_that_it_reaches_and_no_others(
        self, variables: dict[str, str]
    ) -> None:
        wrong = {
            file: {"missing": reached - run, "superfluous": run - reached}
            for file in FILES
            if (run := gates(variables, file)) != (reached := set(GRAPH.reasons([file])))
        }

        assert wrong == {}

    @pytest.mark.parametrize("variables", EVENTS.values(), ids=EVENTS)
    def test_main_tags_and_schedules_run_all(self, variables: dict[str, str]) -> None:
        assert gates(variables) == set(GRAPH.names)

    def test_a_first_push_without_changes_runs_what_always_runs(self) -> None:
        assert gates(BRANCH) == {"docs", "secrets"}

    def test_every_gate_is_a_job(self) -> None:
        assert set(GRAPH.names) <= PIPELINE.templates.keys()


def test_a_new_service_is_one_include(tmp_path: Path) -> None:
    shutil.copytree(ROOT / ".gitlab", tmp_path / ".gitlab")
    include = "    inputs: {service: items}\n"
    text = (ROOT / ".gitlab-ci.yml").read_text()
    assert text.count(include) == 1
    one_more = f"{include}  - local: .gitlab/service.yml\n    inputs: {{service: orders}}\n"
    (tmp_path / ".gitlab-ci.yml").write_text(text.replace(include, one_more))
    event = Event(variables=BRANCH, changed=["services/orders/app/main.py"], has_base=False)

    found = Pipeline(tmp_path).jobs(event)

    new = {
        *("test orders: [3.11, py311]", "test orders: [3.13, coverage]"),
        *("contract provider orders", "image orders"),
    }
    assert new | {"contract consumers", "contract report", "e2e", "coverage"} <= found.keys()
    assert not [name for name in found if "users" in name or "items" in name]
    assert dangling_needs(found) == []


class TestContracts:
    """First the consumers, then each provider by itself, and a page of all that there was."""

    @pytest.mark.parametrize(
        ("changed", "providers"),
        [
            ("services/users/app/main.py", {"users"}),
            ("services/items/tests/contract/states.py", {"items"}),
            # What installs both, what both are written down in, and what asks both.
            ("services/items/pyproject.toml", {"users", "items"}),
            ("contracts/pacts/items-users.json", {"users", "items"}),
            ("contracts/states.toml", {"users", "items"}),
            ("contracts/bootstrap.toml", {"users", "items"}),
            ("tools/contract_gate/verified.py", {"users", "items"}),
            ("shared/testing/src/service_testing/contracts/verification.py", {"users", "items"}),
            # No provider is verified with its description: the consumers' part compares that.
            ("contracts/openapi/users.json", set()),
            ("services/users/benchmarks/events.py", None),
            ("docs/contracts.md", None),
        ],
    )
    def test_a_change_runs_the_providers_that_it_can_break(
        self, changed: str, providers: set[str] | None
    ) -> None:
        assert changed in FILES
        expected = {f"contract provider {name}" for name in providers or ()}
        if providers is not None:
            expected |= {"contract consumers", "contract report"}

        assert names_beginning("contract ", jobs(BRANCH, changed)) == expected

    def test_a_provider_waits_for_the_consumers_and_for_nobody_else(self) -> None:
        for name in names_beginning("contract provider ", PIPELINE.templates):
            job = jobs(ON_MAIN)[name]
            assert (needs(job), job.when) == ({"contract consumers": False}, "on_success")

    def test_the_page_is_made_of_what_all_of_them_leave_whatever_comes_of_them(self) -> None:
        everything = jobs(ON_MAIN)
        report = everything.pop("contract report")
        stages = PIPELINE.settings["stages"]

        assert report.when == "always"
        # Without `needs` and `dependencies` it gets the artifacts of each job of the stages before it.
        assert not {"needs", "dependencies"} & report.settings.keys()
        for name in names_beginning("contract ", everything):
            artifacts = everything[name].settings["artifacts"]
            assert stages.index(everything[name].stage) < stages.index(report.stage)
            assert artifacts["when"] == "always"
            assert artifacts["paths"] == ["contract-records/"]
            [record] = re.findall(r"--record=(\S+)", everything[name].script)
            assert Path(record).parent == Path("contract-records")
        assert "--from=contract-records " in report.script


class TestWorkflow:
    def test_a_tag_that_a_deployment_moves_runs_nothing(self) -> None:
        assert jobs({**PUSH, "CI_COMMIT_TAG": "deployed/users"}) == {}

    def test_a_branch_with_a_merge_request_has_one_pipeline(self) -> None:
        assert jobs({**BRANCH, "CI_OPEN_MERGE_REQUESTS": "group/project!1"}, "tox.ini") == {}
        assert jobs(REQUEST, "tox.ini") != {}


class TestNeeds:
    @pytest.mark.parametrize("variables", [BRANCH, REQUEST], ids=["branch", "request"])
    def test_no_change_leaves_a_job_waiting_for_one_that_is_not_there(
        self, variables: dict[str, str]
    ) -> None:
        assert {
            problem for file in FILES for problem in dangling_needs(jobs(variables, file))
        } == set()

    @pytest.mark.parametrize("variables", EVENTS.values(), ids=EVENTS)
    def test_no_event_does(self, variables: dict[str, str]) -> None:
        assert dangling_needs(jobs(variables)) == []

    def test_a_deployment_waits_for_all_that_is_asked_of_what_it_deploys(self) -> None:
        deployment = jobs({**ON_MAIN, "DEPLOY_COMMAND": "make deploy"})["deploy users"]
        of_others = {"test items", "image items", "contract provider items"}
        of_no_weight = {"contract-example", "contract report", "coverage"}

        assert set(needs(deployment)) == set(GRAPH.names) - of_others - of_no_weight

    def test_what_is_waited_for_exists_and_comes_before(self) -> None:
        stages = PIPELINE.settings["stages"]
        everything = jobs(ON_MAIN)
        for job in everything.values():
            for need in needs(job):
                assert need in PIPELINE.templates, f"{job.name} needs {need}"
                stage = PIPELINE.templates[need]["stage"]
                assert stages.index(stage) <= stages.index(job.stage)


class TestJobs:
    def test_no_job_has_a_name_that_gitlab_keeps_to_itself(self) -> None:
        assert not PIPELINE.templates.keys() & RESERVED

    def test_a_package_is_tested_on_each_supported_python(self) -> None:
        assert names_beginning("test users:", jobs(ON_MAIN)) == {
            "test users: [3.11, py311]",
            "test users: [3.12, py312]",
            "test users: [3.13, coverage]",
        }

    def test_one_job_alone_gives_the_coverage_number(self) -> None:
        counted = [name for name, job in PIPELINE.templates.items() if "coverage" in job]

        assert counted == ["coverage"]

    def test_each_job_can_be_interrupted_but_those_that_deploy(self) -> None:
        assert PIPELINE.settings["default"]["interruptible"] is True
        kept = {
            name for name, job in PIPELINE.templates.items() if job.get("interruptible") is False
        }
        assert kept == set(names_beginning("deploy ", PIPELINE.templates))

    def test_a_failed_test_is_not_tried_again(self) -> None:
        retried = set(PIPELINE.settings["default"]["retry"]["when"])

        assert not retried & {
            "always",
            "script_failure",
            "unknown_failure",
            "job_execution_timeout",
        }
        assert not [name for name, job in PIPELINE.templates.items() if "retry" in job]


def names_beginning(start: str, names: Iterable[str]) -> set[str]:
    return {name for name in names if name.startswith(start)}
