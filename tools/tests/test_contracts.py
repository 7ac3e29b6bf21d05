"""The contracts gate fails when something is missing, with a message that names the mend."""

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import check_contracts
import pytest
from contract_gate import deployed, deployment, published, services, verified
from contract_gate.record import Record
from contract_gate.services import GateFailed

from service_testing.contracts.pact_files import merged, pact_of, read_all

CONTRACTS = Path(__file__).parents[2] / "contracts"
TODAY = datetime.now(UTC).date()


@pytest.fixture
def all_verified(tmp_path: Path) -> Path:
    """What a run leaves that verified everything."""
    for number, each in enumerate(read_all(CONTRACTS / "pacts")):
        for name in ("kept", "canaries"):
            folder = tmp_path / name / str(number)
            folder.mkdir(parents=True)
            (folder / each.file_name).write_text(pact_of([each]))
    return tmp_path


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of its own with today's contracts, of which the gate believes that it is ours."""
    root = tmp_path / "repository"
    shutil.copytree(CONTRACTS, root / "contracts")
    monkeypatch.setattr(deployed, "ROOT", root)
    monkeypatch.setattr(deployed, "BOOTSTRAP", root / "contracts/bootstrap.toml")
    monkeypatch.setattr(services, "DESCRIPTIONS", root / "contracts/openapi")
    monkeypatch.setattr(published, "PACTS", root / "contracts/pacts")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "As it is deployed")
    return root


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


def edit(root: Path, service: str, old: str, new: str) -> None:
    path = root / f"contracts/openapi/{service}.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


class TestCount:
    def test_count_says_how_many_are_kept(self, all_verified: Path) -> None:
        number = len(list(read_all(CONTRACTS / "pacts")))
        assert verified.count(all_verified).startswith(
            f"{number} of {number} interactions are kept"
        )

    def test_count_fails_when_one_was_not_verified(self, all_verified: Path) -> None:
        shutil.rmtree(all_verified / "kept/0")
        with pytest.raises(
            GateFailed, match=r"1 of .* interactions were not verified:\n  items -> "
        ):
            verified.count(all_verified)

    def test_count_fails_when_nothing_was_verified(self, tmp_path: Path) -> None:
        with pytest.raises(GateFailed, match="were not verified"):
            verified.count(tmp_path)

    def test_count_fails_without_a_canary(self, all_verified: Path) -> None:
        shutil.rmtree(all_verified / "canaries")
        with pytest.raises(GateFailed, match="No canary ran for items, users"):
            verified.count(all_verified)

    def test_count_of_a_part_is_of_its_providers_alone(self, all_verified: Path) -> None:
        assert verified.count(all_verified, ["users"]).endswith("are kept, by 1 provider.")
        of_items = [path.parent for path in (all_verified / "kept").rglob("users-items.json")]
        assert of_items
        for folder in of_items:
            shutil.rmtree(folder)
        verified.count(all_verified, ["users"])
        with pytest.raises(GateFailed, match=f"{len(of_items)} of {len(of_items)} interactions"):
            verified.count(all_verified, ["items"])

    def test_count_of_an_unknown_provider_s_is_short(
        self, all_verified: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(verified, "PACTS", repository / "contracts/pacts")
        path = repository / "contracts/pacts/items-users.json"
        pact = json.loads(path.read_text())
        pact["provider"]["name"] = "payments"
        path.with_name("items-payments.json").write_text(json.dumps(pact))
        with pytest.raises(GateFailed, match="were not verified:\n  items -> payments: "):
            verified.count(all_verified)

    def test_count_of_no_contracts_is_an_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(verified, "PACTS", tmp_path)
        with pytest.raises(GateFailed, match=r"nothing was verified\. Run `make contracts`"):
            verified.count(tmp_path)


RunOf = Callable[[str], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunOf:
    """The gate's run of contract tests with that text."""
    path = tmp_path / "services/users/tests/contract/test_users.py"
    path.parent.mkdir(parents=True)
    (tmp_path / "services/users/pytest.ini").touch()
    monkeypatch.setattr(services, "ROOT", tmp_path)

    def run(text: str) -> "subprocess.CompletedProcess[str]":
        path.write_text(text)
        return services.run_contract_tests("users", "-p", "no:service_testing")

    return run


class TestLimits:
    def test_tests_that_do_not_end_are_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(services, "_MOST_SECONDS", 0.1)
        with pytest.raises(GateFailed, match=r"users: not done after 0\.1 s\. Run `tox -e py311 "):
            services._run("users", ["sleep", "60"], stderr=subprocess.STDOUT)

    def test_tests_that_leave_a_thread_behind_end_without_it(self, run_of: RunOf) -> None:
        run = run_of(
            "import threading\n"
            "def test_thread():\n"
            "    threading.Thread(target=threading.Event().wait).start()\n"
            "    assert 'told' == 'at the end'\n"
        )
        assert run.returncode == pytest.ExitCode.TESTS_FAILED
        assert "1 failed" in run.stdout

    def test_test_that_no_signal_reaches_is_ended_with_its_stack(
        self, run_of: RunOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(services, "_MOST_TEST_SECONDS", 0.5)
        run = run_of(
            "import signal, time\n"
            "def test_deaf():\n"
            "    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
            "    time.sleep(600)\n"
        )
        assert run.returncode == 1
        assert "Timeout" in run.stdout
        assert 'test_users.py", line 4 in test_deaf' in run.stdout


class TestCommitted:
    def test_committed_pacts_are_canonical(self) -> None:
        paths = list((CONTRACTS / "pacts").glob("*.json"))
        wanted = merged(read_all(CONTRACTS / "pacts"))
        assert {path.name: path.read_text() for path in paths} == wanted
        assert "pactRust" not in str(wanted)


class TestParts:
    @pytest.fixture
    def done(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What the gate did."""
        done: list[str] = []

        def keeps(service: str, *_: str) -> bool:
            done.append(f"verify {service}")
            return True

        monkeypatch.setattr(check_contracts, "_keeps", keeps)
        monkeypatch.setattr(verified, "count", lambda _, asked: f"count {', '.join(asked)}")
        for name in ("_check_committed", "_check_published", "_can_deploy"):
            monkeypatch.setattr(check_contracts, name, lambda *_, name=name: done.append(name))
        return done

    @pytest.mark.parametrize(
        ("parts", "expected"),
        [
            (["consumers"], ["_check_committed", "_check_published"]),
            (["users"], ["verify users"]),
            (["items"], ["verify items"]),
            (["deployment"], ["_can_deploy"]),
        ],
    )
    def test_part_does_its_own_and_nothing_else(
        self, done: list[str], parts: list[str], expected: list[str]
    ) -> None:
        assert check_contracts.main(parts) == 0
        assert done == expected

    def test_parts_together_are_the_whole_gate_in_its_order(self, done: list[str]) -> None:
        assert check_contracts.main([]) == 0
        whole = list(done)
        done.clear()
        assert check_contracts.main(["deployment", "items", "users", "consumers"]) == 0
        assert done == whole
        assert whole == [
            *("_check_committed", "verify users", "verify items"),
            *("_check_published", "_can_deploy"),
        ]

    @pytest.mark.parametrize(
        ("arguments", "sets"),
        [
            ([], [["users"], ["items"]]),
            (["deployment"], [["users"], ["items"]]),
            (["deployment", "items"], [["items"]]),
            (["--as-one-set"], [["users", "items"]]),
        ],
    )
    def test_deployment_asks_for_the_services_that_are_named_beside_it(
        self,
        done: list[str],
        monkeypatch: pytest.MonkeyPatch,
        arguments: list[str],
        sets: list[list[str]],
    ) -> None:
        asked: list[list[str]] = []
        monkeypatch.setattr(
            check_contracts,
            "_can_deploy",
            lambda _, *sets: asked.extend(list(together) for together in sets),
        )
        assert check_contracts.main(arguments) == 0
        assert asked == sets

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--record=part.json"],
            ["deployment", "--record=part.json"],
            ["users", "items", "--record=part.json"],
            ["--from=parts"],
            ["users", "--from=parts", "--report=page.html"],
        ],
    )
    def test_record_of_no_part_and_page_of_none_are_errors(
        self, done: list[str], arguments: list[str]
    ) -> None:
        with pytest.raises(SystemExit):
            check_contracts.main(arguments)
        assert done == []

    def test_part_that_there_is_not_is_an_error(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            check_contracts.main(["provider"])
        expected = "no part provider; there are: consumers, users, items, deployment"
        assert expected in capsys.readouterr().err


class TestCheckFit:
    def test_check_fit_passes_what_is_described(self, repository: Path) -> None:
        assert "requests and answers are as described" in published.check_fit()

    def test_check_fit_names_what_is_described_otherwise(self, repository: Path) -> None:
        edit(repository, "users", '"is_active"', '"is_enabled"')
        with pytest.raises(GateFailed, match=r"`items: a look-up of an active user` .* answer"):
            published.check_fit()

    def test_check_fit_names_what_may_come_and_nobody_has_tried(self, repository: Path) -> None:
        path = repository / "contracts/openapi/users.json"
        description = json.loads(path.read_text())
        user = description["components"]["schemas"]["PublicUser"]
        user["properties"]["name"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}
        path.write_text(json.dumps(description))
        with pytest.raises(
            GateFailed, match=r"`items: a look-up.*` .*\$\.name: by the description it may be null"
        ):
            published.check_fit()

    def test_check_fit_fails_for_an_unknown_provider(self, repository: Path) -> None:
        path = repository / "contracts/pacts/items-users.json"
        pact = json.loads(path.read_text())
        pact["provider"]["name"] = "payments"
        path.with_name("items-payments.json").write_text(json.dumps(pact))
        with pytest.raises(GateFailed, match="there is no service payments"):
            published.check_fit()

    def test_check_fit_fails_without_a_description(self, repository: Path) -> None:
        (repository / "contracts/openapi/users.json").unlink()
        with pytest.raises(GateFailed, match="Run `make contracts`"):
            published.check_fit()


class TestReportChanges:
    @pytest.fixture(autouse=True)
    def tags(self, repository: Path) -> None:
        for service in ("users", "items"):
            git(repository, "tag", f"deployed/{service}")

    def test_report_says_that_nothing_is_taken_away(self, repository: Path) -> None:
        assert "users: nothing that is deployed is taken away" in published.report_changes()

    def test_report_says_whom_a_change_breaks(self, repository: Path) -> None:
        edit(repository, "users", '"is_active"', '"is_enabled"')
        with pytest.raises(GateFailed) as failed:
            published.report_changes()
        text = str(failed.value)
        assert "GET /users/{user_id} 200 $.is_active: removed; breaks items: a look-up of" in text
        assert "Keep the old beside the new" in text

    def test_report_names_what_nobody_reads_and_passes(self, repository: Path) -> None:
        edit(repository, "users", '"created_at"', '"registered_at"')
        report = published.report_changes()
        assert "GET /users/me 200 $.created_at: removed; read by nobody" in report


class TestBootstrap:
    def test_bootstrap_is_said_for_a_service_that_was_never_deployed(
        self, repository: Path
    ) -> None:
        (repository / "contracts/bootstrap.toml").write_text(f"users = {TODAY}\nitems = {TODAY}\n")
        assert "users: bootstrap, nothing is deployed yet" in published.report_changes()

    def test_bootstrap_that_expired_fails(self, repository: Path) -> None:
        yesterday = TODAY - timedelta(days=1)
        (repository / "contracts/bootstrap.toml").write_text(f"users = {yesterday}\n")
        with pytest.raises(GateFailed, match=f"expired on {yesterday}. Set the tag"):
            published.report_changes()

    def test_bootstrap_is_never_taken_for_granted(self, repository: Path) -> None:
        (repository / "contracts/bootstrap.toml").unlink()
        with pytest.raises(GateFailed, match=r"There is no tag deployed/users\. Fetch the tags"):
            published.report_changes()


class TestCanIDeploy:
    """`deployed_run` stands in for the provider's tests: what these leave behind decides."""

    @pytest.fixture(autouse=True)
    def tags(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for service in ("users", "items"):
            git(repository, "tag", f"deployed/{service}")
        monkeypatch.setattr(services, "PACTS", repository / "contracts/pacts")

    @pytest.fixture
    def renamed(self, repository: Path) -> None:
        """A field that items reads has another name in its contract now."""
        path = repository / "contracts/pacts/items-users.json"
        path.write_text(path.read_text().replace('"is_active"', '"is_enabled"'))

    @staticmethod
    def deployed_run(*, keeps: bool, code: int) -> Any:
        def run(_: str, options: Sequence[str]) -> subprocess.CompletedProcess[str]:
            given = dict(option.lstrip("-").split("=", 1) for option in options)
            if keeps:
                shutil.copytree(
                    given["contracts-pacts"], Path(given["contracts-verified"]) / "kept"
                )
            return subprocess.CompletedProcess([], code, "what the run wrote")

        return run

    def test_deployment_beside_the_same_contracts_is_a_yes_without_a_run(self) -> None:
        found = [*deployment.answers(["users"]), *deployment.answers(["items"])]
        assert [answer.is_yes for answer in found] == [True] * 4

    @pytest.mark.usefixtures("renamed")
    def test_deployment_of_a_rename_in_lockstep_is_twice_a_no(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fails = self.deployed_run(keeps=False, code=1)
        monkeypatch.setattr(deployment, "_run_deployed", fails)
        monkeypatch.setattr(
            deployment, "run_contract_tests", lambda service, *options: fails(service, options)
        )
        found = [*deployment.answers(["users"]), *deployment.answers(["items"])]
        refused = [answer.sentence for answer in found if not answer.is_yes]
        assert len(refused) == 2
        assert refused[0].startswith(
            "users as provider of the deployed items: NO. Not kept: `a look"
        )
        assert refused[1].startswith(
            "items as consumer of the deployed users: NO. Not kept: `a look"
        )
        with pytest.raises(GateFailed, match=r"what the run wrote(.|\n)*deploy them as one set"):
            check_contracts._can_deploy(Record(), ["users"], ["items"])
        check_contracts._can_deploy(Record(), ["users", "items"])

    @pytest.mark.usefixtures("renamed")
    @pytest.mark.parametrize(
        ("keeps", "code", "is_yes"), [(True, 0, True), (True, 1, False), (False, 0, False)]
    )
    def test_deployment_needs_a_green_run_that_verified_all(
        self, monkeypatch: pytest.MonkeyPatch, keeps: bool, code: int, is_yes: bool
    ) -> None:
        monkeypatch.setattr(deployment, "_run_deployed", self.deployed_run(keeps=keeps, code=code))
        found = {answer.sentence.split(":")[0]: answer for answer in deployment.answers(["items"])}
        assert found["items as consumer of the deployed users"].is_yes is is_yes

    def test_deployed_version_is_checked_out_where_it_was_before(
        self, repository: Path, tmp_path: Path
    ) -> None:
        folder = tmp_path / "deployed/users"
        deployed.check_out("users", folder)
        (folder / "environment").touch()
        (repository / "contracts/states.toml").write_text("")
        git(repository, "commit", "--quiet", "--all", "--message", "Next")
        git(repository, "tag", "--force", "deployed/users")
        deployed.check_out("users", folder)
        assert (folder / "contracts/states.toml").read_text() == ""
        assert (folder / "environment").exists()

    def test_deployed_version_that_git_does_not_have_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(GateFailed, match="can't check deployed/orders out"):
            deployed.check_out("orders", tmp_path / "orders")


def test_gate_that_fails_says_why_and_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise GateFailed("users can't be built")

    monkeypatch.setattr(check_contracts, "_check", fails)
    assert check_contracts.main([]) == 1
    assert "users can't be built\n\nThe contracts gate fails after" in capsys.readouterr().out
