"""`can-i-deploy`: the tags say what is deployed, and a deployed version verifies in a worktree."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gate.example import SERVICES, Example

from contracts.errors import ContractError
from contracts.gate.deployed import Deployments
from contracts.gate.deployment import CanIDeploy
from contracts.gate.descriptions import check_conformance, report_changes
from contracts.gate.runner import Run
from contracts.gate.workspace import Participant

TODAY = datetime.now(UTC).date()
PACT = "contracts/pacts/shop-catalog.json"
OPENAPI = "contracts/openapi/catalog.json"


def answers(example: Example, *together: str, environment: str = "") -> dict[str, bool]:
    asked = CanIDeploy(example.gate.workspace, example.runner, environment)
    return {each.sentence: each.is_yes for each in asked.answers(together)}


class TestAnswers:
    def test_same_contracts_are_a_yes_without_a_run(self, example: Example) -> None:
        found = [answers(example, service) for service in SERVICES]
        assert [list(each.values()) for each in found] == [[True, True], [True], [True]]
        assert example.runner.runs == []

    def test_deployed_together_means_not_asked(self, example: Example) -> None:
        assert answers(example, *SERVICES) == {}

    def test_environment_has_its_own_tags(self, example: Example) -> None:
        with pytest.raises(ContractError, match="There is no tag deployed/production/mailer"):
            answers(example, "catalog", environment="production")
        for service in SERVICES:
            example.git("tag", f"deployed/production/{service}")
        assert all(answers(example, "catalog", environment="production").values())

    @pytest.mark.parametrize(
        ("is_verified", "code", "is_yes"), [(True, 0, True), (True, 1, False), (False, 0, False)]
    )
    def test_yes_needs_a_green_run_that_verified_everything(
        self,
        example: Example,
        monkeypatch: pytest.MonkeyPatch,
        is_verified: bool,
        code: int,
        is_yes: bool,
    ) -> None:
        def run(_: Participant, *options: str) -> Run:
            given = dict(option.split("=", 1) for option in options)
            if is_verified:
                target = Path(given["--contracts-verified"]) / "verified"
                shutil.copytree(given["--contracts-pacts"], target)
            return Run(code, "output of the run")

        example.edit(PACT, ('"Persuasion"', '"Sanditon"'))
        monkeypatch.setattr(example.runner, "run_tests", run)
        (found,) = answers(example, "shop").values()
        assert found is is_yes

    def test_worktree_is_reused_and_keeps_untracked_files(
        self, example: Example, tmp_path: Path
    ) -> None:
        deployments = Deployments(example.gate.workspace)
        folder = tmp_path / "deployed/catalog"
        deployments.check_out("catalog", folder)
        (folder / "environment").touch()
        example.write("contracts/states.toml", "")
        example.git("commit", "--quiet", "--all", "--message", "Next")
        example.git("tag", "--force", "deployed/catalog")
        deployments.check_out("catalog", folder)
        assert (folder / "contracts/states.toml").read_text() == ""
        assert (folder / "environment").exists()

    def test_unknown_tag_is_an_error(self, example: Example, tmp_path: Path) -> None:
        with pytest.raises(ContractError, match="can't check out deployed/depot"):
            Deployments(example.gate.workspace).check_out("depot", tmp_path / "depot")


class TestBootstrap:
    @pytest.fixture(autouse=True)
    def no_tags(self, example: Example) -> None:
        for service in SERVICES:
            example.git("tag", "--delete", f"deployed/{service}")

    def test_service_in_the_bootstrap_file_is_not_deployed_and_not_asked(
        self, example: Example, capsys: pytest.CaptureFixture[str]
    ) -> None:
        example.write(
            "contracts/bootstrap.toml", "".join(f"{each} = {TODAY}\n" for each in SERVICES)
        )
        assert "catalog: not deployed yet (bootstrap)" in report_changes(example.gate.workspace)
        assert example.gate.can_i_deploy([["catalog"]])
        assert "so nothing was asked" in capsys.readouterr().out

    def test_expired_entry_fails(self, example: Example) -> None:
        yesterday = TODAY - timedelta(days=1)
        example.write("contracts/bootstrap.toml", f"catalog = {yesterday}\n")
        with pytest.raises(ContractError, match=rf"expired on {yesterday}\. Set the tag"):
            report_changes(example.gate.workspace)

    def test_missing_tag_without_an_entry_fails(self, example: Example) -> None:
        with pytest.raises(
            ContractError, match=r"There is no tag deployed/catalog\. Fetch the tags"
        ):
            report_changes(example.gate.workspace)


class TestDescriptions:
    def test_different_description_is_named(self, example: Example) -> None:
        example.edit(OPENAPI, ('"is_available"', '"is_enabled"'))
        with pytest.raises(ContractError, match=r"`shop: an available book` .* response"):
            check_conformance(example.gate.workspace)

    def test_unknown_provider_is_an_error(self, example: Example) -> None:
        text = example.path(PACT).read_text().replace('"name": "catalog"', '"name": "depot"')
        example.write("contracts/pacts/shop-depot.json", text)
        with pytest.raises(ContractError, match="unknown provider depot"):
            check_conformance(example.gate.workspace)

    def test_missing_description_is_an_error(self, example: Example) -> None:
        example.path(OPENAPI).unlink()
        with pytest.raises(ContractError, match=r"is missing\. Run `contracts update`"):
            check_conformance(example.gate.workspace)

    def test_breaking_change_names_the_consumer(self, example: Example) -> None:
        example.edit(OPENAPI, ('"is_available"', '"is_enabled"'))
        with pytest.raises(ContractError) as raised:
            report_changes(example.gate.workspace)
        assert "200 $.is_available: removed; breaks shop: a book" in str(raised.value)
        assert "Keep the old version until" in str(raised.value)

    def test_change_without_a_consumer_passes(self, example: Example) -> None:
        example.edit("contracts/openapi/shop.json", ('"/"', '"/front"'))
        assert "GET /: removed; used by no consumer" in report_changes(example.gate.workspace)
