"""`make test`, with a stand-in for tox."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import test
from checks import checker, steps
from checks.pythons import CURRENT
from running import TOOLS, wait_until

HERE = Path(__file__).parent
PY = "py" + CURRENT.replace(".", "")
BRIEF = ("--hypothesis-profile=brief", "-m", "not contract and not slow")
BRIEF_AGAIN = (*BRIEF[:-1], f"{BRIEF[-1]} and database")
PACKAGES = ("shared/chassis", "shared/testing", "services/users", "services/items")
MISSING = json.dumps({"error": "No PostgreSQL for tests: install it."})


class Repository:
    """A repository without content, to run the steps on."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for package in PACKAGES:
            (root / package).mkdir(parents=True)
            (root / package / "pyproject.toml").touch()
        for name in ("constraints.txt", "tox.ini"):
            (root / name).touch()
        keeper = root / "shared/testing/src/service_testing/postgres.py"
        keeper.parent.mkdir(parents=True)
        shutil.copy(HERE / "fake_keeper.py", keeper)
        docker = root / "programs/docker"
        docker.parent.mkdir()
        docker.write_text('#!/bin/sh\n[ "$NO_ENGINE" != "$*" ]\n')
        docker.chmod(0o755)
        self.environ = {
            **{name: value for name, value in os.environ.items() if name != "CI"},
            "PATH": f"{docker.parent}{os.pathsep}{os.environ['PATH']}",
            "CALLS": str(root / "calls"),
            "NOTES": str(root / "notes"),
        }
        self.tox_command = [sys.executable, str(HERE / "fake_tox.py")]

    def check(self, *arguments: str, **environ: str) -> int:
        # The keeper inherits the process's own variables.
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**self.environ, **environ}.items():
                patch.setenv(name, value)
            return test.main(self.root, self.tox_command, arguments, {**self.environ, **environ})

    def break_step(self, folder: str, environment: str, fault: str = "fail") -> None:
        (self.root / folder / f"fault-{environment}").write_text(fault)

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.root / "calls").read_text().splitlines()]

    @property
    def keeper_notes(self) -> list[str]:
        return (self.root / "notes").read_text().splitlines()


@pytest.fixture(autouse=True)
def every_program_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "is_on_path", lambda _: True)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[-1]


class TestSteps:
    def test_every_step_is_a_tox_environment(self, repository: Repository) -> None:
        assert repository.check() == 0

        called = sorted(
            (call["folder"], call["environment"], *call["options"]) for call in repository.calls
        )
        assert called == [
            ("chassis", PY, "--database=postgres", *BRIEF_AGAIN),
            ("chassis", PY, "--database=sqlite", *BRIEF),
            ("items", PY, "--database=postgres", *BRIEF_AGAIN),
            ("items", PY, "--database=sqlite", *BRIEF),
            ("repository", "alerts", "-m", "not slow"),
            ("repository", "contracts"),
            ("repository", "docs", "-m", "not slow"),
            ("repository", "e2e", "-m", "not slow"),
            ("repository", "e2e-local", "--database=sqlite", "-m", "not slow"),
            ("repository", "lint"),
            ("repository", "pipelines"),
            ("repository", "stack"),
            ("repository", "tools", "-m", "not slow"),
            ("repository", "types"),
            ("testing", PY, *BRIEF),
            ("users", PY, "--database=postgres", *BRIEF_AGAIN),
            ("users", PY, "--database=sqlite", *BRIEF),
        ]

    def test_only_narrows_to_the_named_steps(self, repository: Repository) -> None:
        assert repository.check(ONLY="lint testing") == 0

        assert sorted(call["folder"] for call in repository.calls) == ["repository", "testing"]

    def test_an_unknown_step_is_answered_with_the_known_ones(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert repository.check(ONLY="lint orders") == 2

        assert capsys.readouterr().err == (
            "No step is named orders; there are: "
            "lint, types, docs, pipelines, tools, stack, alerts, chassis, testing, users, items, contracts, drift, "
            "e2e, compose, faults, chaos, schemathesis, coverage.\n"
        )

    def test_arguments_go_to_pytest_only(self, repository: Repository) -> None:
        repository.check(ONLY="lint testing", ARGS="-k 'log in'")

        options = {call["folder"]: call["options"] for call in repository.calls}
        assert options == {
            "repository": [],
            "testing": [*BRIEF, "-k", "log in"],
        }

    def test_an_environment_is_renewed_when_what_belongs_in_it_has_changed(
        self, repository: Repository
    ) -> None:
        for environment in ("lint", "types"):
            made = repository.root / ".tox" / environment / "pyvenv.cfg"
            made.parent.mkdir(parents=True)
            made.touch()
        os.utime(repository.root / ".tox/lint/pyvenv.cfg", (0, 0))
        repository.check(ONLY="lint types")

        renewed = {call["environment"]: call["recreate"] for call in repository.calls}
        assert renewed == {"lint": True, "types": False}


class TestSummary:
    def test_the_last_line_is_the_sum_over_all_tests(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        repository.check()

        assert last_line(capsys) == "14 passed, 0 failed, 14 skipped"

    def test_a_failed_test_is_named_and_the_other_steps_still_run(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        repository.break_step("shared/chassis", PY)

        assert repository.check() == 1
        assert len(repository.calls) == 17
        output = capsys.readouterr().out
        assert f"what {PY} wrote in chassis" in output
        assert f"what {PY} wrote in users" not in output
        assert (
            f"\nFailed tests:\n  chassis ({CURRENT}, sqlite): tests.test_it.test_bad: no\n"
            in output
        )
        assert output.splitlines()[-1] == "14 passed, 2 failed, 14 skipped"

    def test_a_run_that_breaks_before_its_first_test_is_a_failure(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        repository.break_step("shared/testing", PY, "crash")

        assert repository.check(ONLY="testing") == 1
        assert last_line(capsys) == "0 passed, 1 failed"

    def test_failed_lint_is_a_failure(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        repository.break_step(".", "lint")

        assert repository.check(ONLY="lint") == 1
        output = capsys.readouterr().out
        assert "what lint wrote" in output
        assert "FAILED  lint in " in output

    def test_verbose_shows_what_a_passing_step_writes(
        self, repository: Repository, capfd: pytest.CaptureFixture[str]
    ) -> None:
        repository.check(ONLY="lint", VERBOSE="1")

        assert "what lint wrote" in capfd.readouterr().out


class TestPostgres:
    def test_one_server_serves_all_steps(self, repository: Repository) -> None:
        repository.check(TEST_POSTGRES_URL="")

        urls = [call["postgres"] for call in repository.calls if "postgres" in str(call["options"])]
        assert urls == ["postgresql://kept"] * 3
        assert repository.keeper_notes == ["started", "ended"]

    def test_without_one_its_steps_are_left_out_and_the_way_out_is_told(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert repository.check(KEEPER_ANSWER=MISSING) == 0

        output = capsys.readouterr().out
        assert output.count("postgres  not run") == 3
        assert "Missing:\n  No PostgreSQL for tests: install it.\n\n11 passed, 0 failed" in output

    @pytest.mark.parametrize("variable", [{"CI": "true"}, {"TEST_POSTGRES": "required"}])
    def test_where_it_is_required_its_lack_is_a_failure(
        self,
        repository: Repository,
        capsys: pytest.CaptureFixture[str],
        variable: dict[str, str],
    ) -> None:
        assert repository.check(ONLY="users", KEEPER_ANSWER=MISSING, **variable) == 1

        assert last_line(capsys) == "1 passed, 1 failed, 1 skipped"


class TestPrograms:
    @pytest.fixture(autouse=True)
    def none_is_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checker, "is_on_path", lambda _: False)

    def test_without_one_its_step_is_left_out_and_the_way_out_is_told(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert repository.check(ONLY="lint alerts") == 0

        assert [call["environment"] for call in repository.calls] == ["lint"]
        missing = "promtool is not installed: on Debian and Ubuntu, apt install prometheus has it."
        assert f"Missing:\n  {missing}\n" in capsys.readouterr().out

    def test_in_ci_its_lack_is_a_failure(self, repository: Repository) -> None:
        assert repository.check(ONLY="lint alerts", CI="true") == 1


class TestDocker:
    NO_ENGINE = "version"
    NO_COMPOSE = "compose version"

    @pytest.mark.parametrize("lack", [NO_ENGINE, NO_COMPOSE])
    def test_without_it_its_steps_are_left_out_and_the_way_out_is_told(
        self, repository: Repository, capsys: pytest.CaptureFixture[str], lack: str
    ) -> None:
        assert repository.check(ONLY="lint compose", NO_ENGINE=lack) == 0

        assert [call["environment"] for call in repository.calls] == ["lint"]
        output = capsys.readouterr().out
        assert "not run compose: No Docker engine with Compose: install Docker" in output
        assert "Missing:\n  No Docker engine with Compose: install Docker" in output

    def test_in_ci_its_lack_is_a_failure(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert repository.check(ONLY="compose", NO_ENGINE="version", CI="true") == 1

        assert last_line(capsys) == "0 passed, 1 failed"

    def test_the_stack_is_put_through_faults_only_when_all_is_checked(
        self, repository: Repository
    ) -> None:
        repository.check("--thorough", ONLY="compose faults")

        called = [(call["environment"], *call["options"]) for call in repository.calls]
        assert called == [("e2e", "-m", "not slow"), ("e2e-faults",)]


class TestThorough:
    @pytest.fixture(autouse=True)
    def only_the_current_one_is_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checker, "is_installed", lambda version: version == CURRENT)

    def test_a_missing_python_is_named(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert repository.check("--thorough", ONLY="testing") == 0

        missing = [version for version in ("3.11", "3.12", "3.13") if version != CURRENT]
        output = capsys.readouterr().out
        for version in missing:
            assert f"  Python {version} is not installed, or not found on the PATH." in output
        assert output.count("not run") == 2 * len(missing)

    def test_one_python_runs_all_tests_with_all_examples_in_parallel(
        self, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(checker, "is_installed", lambda _: True)
        repository.check("--thorough", ONLY="users")

        called = sorted((call["environment"], *call["options"]) for call in repository.calls)
        brief = ("--hypothesis-profile=brief", "-m")
        assert called == [
            ("py311", "--database=postgres", *brief, "not slow and database"),
            ("py311", "--database=sqlite", *brief, "not slow"),
            ("py312", "--database=postgres", *brief, "not slow and database"),
            ("py312", "--database=sqlite", *brief, "not slow"),
            ("py313", "--database=postgres", "--numprocesses=2", "-m", "database"),
            ("py313", "--database=sqlite", "--numprocesses=2"),
        ]

    @pytest.mark.parametrize("measured", ["3.11", "3.12", "3.13"])
    def test_the_python_that_is_measured_runs_the_tests_once(
        self, repository: Repository, monkeypatch: pytest.MonkeyPatch, measured: str
    ) -> None:
        monkeypatch.setattr(checker, "is_installed", lambda _: True)
        monkeypatch.setattr(steps, "CURRENT", measured)
        repository.check("--thorough")

        users = [call for call in repository.calls if call["folder"] == "users"]
        others = {"py311", "py312", "py313"} - {"py" + measured.replace(".", "")}
        assert {call["environment"] for call in users} == others
        in_parallel = {c["environment"] for c in users if "--numprocesses=2" in c["options"]}
        assert in_parallel == {max(others)}
        [coverage] = [call for call in repository.calls if call["environment"] == "coverage"]
        assert coverage["options"] == ["--brief"]

    def test_the_tests_that_were_measured_count_and_those_of_an_earlier_run_do_not(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        earlier = repository.root / "shared/testing/report.xml"
        earlier.write_text("<testsuite><testcase name='test_earlier'/></testsuite>")
        report = (
            "<testsuite><testcase name='test_good'/>"
            "<testcase classname='tests.test_it' name='test_bad'>"
            "<failure message='a line&#10;another'/></testcase></testsuite>"
        )
        (repository.root / "report-coverage").write_text(report)
        repository.break_step(".", "coverage")

        assert repository.check("--thorough", ONLY="coverage") == 1
        output = capsys.readouterr().out
        assert "Failed tests:\n  coverage: tests.test_it.test_bad: a line\n" in output
        assert output.endswith("1 passed, 1 failed\n")

    def test_what_takes_long_or_waits_for_containers_is_first(self, repository: Repository) -> None:
        planned = steps.plan_steps(repository.root, pythons=["3.13"], is_thorough=True, only=[])

        assert [step.name for step in planned if step.is_first] == ["compose", "coverage"]

    def test_the_workflows_across_services_are_checked_too(self, repository: Repository) -> None:
        repository.check("--thorough")

        called = [
            call["options"] for call in repository.calls if call["environment"] == "e2e-local"
        ]
        assert called == [["--database=sqlite"], ["--database=postgres"]]

    def test_the_api_descriptions_are_checked_too(self, repository: Repository) -> None:
        assert repository.check("--thorough", ONLY="schemathesis", ARGS="-k login") == 0
        assert [(call["environment"], *call["options"]) for call in repository.calls] == [
            ("schemathesis", "--database=sqlite")
        ]

    def test_the_contracts_gate_is_tried_by_a_sample_of_edits(self, repository: Repository) -> None:
        assert repository.check("--thorough", ONLY="drift", ARGS="-k login") == 0
        assert [(call["environment"], *call["options"]) for call in repository.calls] == [
            ("contract-drift", "--sample=8")
        ]

    def test_the_floors_of_coverage_are_checked_too(self, repository: Repository) -> None:
        repository.break_step(".", "coverage")

        assert repository.check("--thorough", ONLY="lint coverage") == 1
        assert {call["environment"] for call in repository.calls} == {"lint", "coverage"}

    def test_in_ci_a_missing_python_is_a_failure(self, repository: Repository) -> None:
        assert repository.check("--thorough", ONLY="testing", CI="true") == 1


class TestInterrupt:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_what_runs(self, repository: Repository, number: signal.Signals) -> None:
        repository.break_step("services/users", PY, "hang")
        driver = (
            "import os, sys; from pathlib import Path; import test; test.interrupt_on_signals();"
            "sys.exit(test.main(Path(sys.argv[1]), sys.argv[2:], [], os.environ))"
        )
        with subprocess.Popen(
            [sys.executable, "-c", driver, str(repository.root), *repository.tox_command],
            env={**repository.environ, "PYTHONPATH": str(TOOLS), "ONLY": "users"},
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            wait_until((repository.root / "services/users/hangs").exists)
            process.send_signal(number)
            _, errors = process.communicate()

        assert process.returncode == 130
        assert errors == "Interrupted.\n"
        assert len(repository.calls) == 1
