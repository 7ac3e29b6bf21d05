"""`can-i-deploy`: the tags say what is deployed, and a deployed version verifies in a worktree."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gate.example import EDITS, SERVICES, Example

from contracts.errors import ContractError
from contracts.gate.deployed import PRODUCTION, Deployments
from contracts.gate.deployment import CanIDeploy
from contracts.gate.descriptions import check_conformance
from contracts.gate.runner import Run
from contracts.gate.workspace import Participant
from contracts.pacts import read_all
from contracts.results import write_result

TODAY = datetime.now(UTC).date()
PACT = "contracts/pacts/shop-catalog.json"
OPENAPI = "contracts/openapi/catalog.json"


def answers(example: Example, *together: str, environment: str = PRODUCTION) -> dict[str, bool]:
    workspace = example.gate.workspace
    asked = CanIDeploy(workspace, example.runner, Deployments(workspace, environment))
    return {each.sentence: each.is_yes for each in asked.answers(together)}


class TestAnswers:
    def test_same_contracts_are_a_yes_without_a_run(self, example: Example) -> None:
        found = [answers(example, service) for service in SERVICES]
        assert [list(each.values()) for each in found] == [[True, True], [True], [True]]
        assert example.runner.runs == []

    def test_deployed_together_means_not_asked(self, example: Example) -> None:
        assert answers(example, *SERVICES) == {}

    def test_environment_has_its_own_tags(self, example: Example) -> None:
        example.git("tag", "deployed/staging/shop")
        with pytest.raises(ContractError, match="There is no tag deployed/staging/mailer"):
            answers(example, "catalog", environment="staging")
        example.git("tag", "deployed/staging/mailer")
        assert all(answers(example, "catalog", environment="staging").values())

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
            for each in read_all(Path(given["--contracts-pacts"])) if is_verified else ():
                results = Path(given["--contracts-verified"]) / "results"
                write_result(results, each, reason="", seconds=0, is_canary=False)
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
        example.git("tag", "--force", "deployed/production/catalog")
        Deployments(example.gate.workspace).check_out("catalog", folder)
        assert (folder / "contracts/states.toml").read_text() == ""
        assert (folder / "environment").exists()


class TestBeforeTheFirstDeployment:
    @pytest.fixture(autouse=True)
    def no_tags(self, example: Example) -> None:
        for service in SERVICES:
            example.git("tag", "--delete", f"deployed/production/{service}")

    def test_first_commit_has_nothing_to_ask(
        self, example: Example, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert example.gate.can_i_deploy([["catalog"]])
        assert "shop: it is neither deployed nor at the merge base" in capsys.readouterr().out

    def test_merge_base_is_used_on_a_branch(
        self, example: Example, capsys: pytest.CaptureFixture[str]
    ) -> None:
        example.git("checkout", "--quiet", "-b", "rename")
        example.make(EDITS["lockstep"]["title is renamed on both sides"])
        example.gate.update()
        example.git("commit", "--quiet", "--all", "--message", "Rename on both sides")
        assert not example.gate.can_i_deploy([["catalog"]])
        output = capsys.readouterr().out
        assert "shop: it has no tag deployed/production/shop, so the merge base" in output
        assert "catalog as provider of shop at the merge base: NO" in output

    def test_previous_commit_is_used_on_the_main_branch(self, example: Example) -> None:
        deployments = Deployments(example.gate.workspace)
        before = deployments.commit()
        example.write("contracts/states.toml", "")
        assert deployments.merge_base == before  # of the uncommitted change
        example.git("commit", "--quiet", "--all", "--message", "Next")
        assert Deployments(example.gate.workspace).commit_of("shop") == before

    @pytest.mark.parametrize(
        ("days", "message"),
        [(None, "Fetch the tags"), (-1, "expired on"), (57, "more than 8 weeks away"), (56, "")],
        ids=["no entry", "in the past", "months", "weeks"],
    )
    def test_service_without_a_tag_needs_an_entry_if_others_have_one(
        self, example: Example, days: int | None, message: str
    ) -> None:
        example.git("tag", "deployed/production/shop")
        if days is not None:
            expires = TODAY + timedelta(days=days)
            example.write("contracts/bootstrap.toml", f"catalog = {expires}\n")
        deployments = Deployments(example.gate.workspace)
        if message:
            with pytest.raises(ContractError, match=message):
                deployments.commit_of("catalog")
        else:
            assert deployments.commit_of("catalog") is None

    def test_unknown_main_branch_is_an_error(self, example: Example) -> None:
        example.git("branch", "--move", "trunk")
        with pytest.raises(ContractError, match=r"name yours: `branch` in \[tool.contracts\]"):
            example.changes()
        settings = '[tool.contracts]\nbranch = "trunk"\n'
        (example.root / "pyproject.toml").write_text(settings)
        assert Deployments(example.gate.workspace).merge_base

    def test_shallow_clone_is_an_error(self, example: Example, tmp_path: Path) -> None:
        example.git("commit", "--quiet", "--allow-empty", "--message", "Next")
        clone = ("clone", "--quiet", "--depth=1", f"file://{example.root}", str(tmp_path / "clone"))
        example.git(*clone)
        with pytest.raises(ContractError, match="git fetch --unshallow --tags"):
            Example(tmp_path / "clone", example.runner).changes()


class TestRemovedInteractions:
    """A test that is deleted together with its interaction leaves nothing to fail."""

    GONE = "1 interaction fewer: shop -> catalog: `the cancellation of an unknown order`"

    @pytest.fixture(autouse=True)
    def removed(self, example: Example) -> None:
        test = '            ("the cancellation of an unknown order", [SIGNED_IN], 404),\n'
        example.edit("shop/tests/contract/test_catalog.py", (test, ""), (', "unknown"]', "]"))
        example.gate.update()

    def check(self, example: Example, capsys: pytest.CaptureFixture[str]) -> tuple[bool, str]:
        return example.gate.check(["consumers"]), capsys.readouterr().out

    def test_removed_interaction_fails_by_name(
        self, example: Example, capsys: pytest.CaptureFixture[str]
    ) -> None:
        passed, output = self.check(example, capsys)
        assert (passed, self.GONE in output) == (False, True)

    def test_reason_is_reported_and_passes(
        self, example: Example, capsys: pytest.CaptureFixture[str]
    ) -> None:
        example.write(
            "contracts/removed.toml",
            '["shop-catalog"]\n"the cancellation of an unknown order" = "orders end by themselves"\n',
        )
        passed, output = self.check(example, capsys)
        assert (passed, f"{self.GONE}: orders end by themselves." in output) == (True, True)

    def test_reason_for_an_interaction_that_exists_fails(
        self, example: Example, capsys: pytest.CaptureFixture[str]
    ) -> None:
        example.write("contracts/removed.toml", '["shop-catalog"]\n"no books" = "none"\n')
        _, output = self.check(example, capsys)
        assert "`no books` of shop-catalog isn't removed. Delete its line." in output

    def test_another_description_is_no_removal(
        self, example: Example, capsys: pytest.CaptureFixture[str]
    ) -> None:
        example.git("commit", "--quiet", "--all", "--message", "Removed")
        test = "shop/tests/contract/test_catalog.py"
        example.edit(test, ('"no books"', '"an empty catalogue"'))
        example.gate.update()
        passed, output = self.check(example, capsys)
        assert passed, output

    def test_deleted_service_is_the_reason(
        self, example: Example, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.rmtree(example.path("shop"))
        example.write("contracts/states.toml", "[catalog]\n")
        example.gate.update()
        passed, output = self.check(example, capsys)
        assert (passed, "there is no service shop any more" in output) == (True, True)

    def test_deleted_provider_is_the_reason(
        self, example: Example, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("catalog", "mailer", "shop/tests/contract"):
            shutil.rmtree(example.path(name))
        example.write("shop/pyproject.toml", "[tool.service]\n")
        example.write("contracts/states.toml", "")
        example.gate.update()
        passed, output = self.check(example, capsys)
        assert (passed, "there is no service catalog any more" in output) == (True, True)


class TestDescriptions:
    def test_different_description_is_named(self, example: Example) -> None:
        example.edit(OPENAPI, ('"is_available"', '"is_enabled"'))
        with pytest.raises(ContractError, match=r"`shop: an available book` .* response"):
            check_conformance(example.gate.workspace, example.descriptions(), {})

    def test_unknown_provider_is_an_error(self, example: Example) -> None:
        text = example.path(PACT).read_text().replace('"name": "catalog"', '"name": "depot"')
        example.write("contracts/pacts/shop-depot.json", text)
        with pytest.raises(ContractError, match="unknown provider depot"):
            check_conformance(example.gate.workspace, example.descriptions(), {})

    def test_missing_description_is_an_error(self, example: Example) -> None:
        example.path(OPENAPI).unlink()
        with pytest.raises(ContractError, match=r"is missing\. Run `contracts update`"):
            check_conformance(example.gate.workspace, example.descriptions(), {})

    def test_breaking_change_names_the_consumer(self, example: Example) -> None:
        example.edit(OPENAPI, ('"is_available"', '"is_enabled"'))
        with pytest.raises(ContractError) as raised:
            example.changes()
        assert "200 $.is_available: removed; breaks shop: a book" in str(raised.value)
        assert "Keep the old version until" in str(raised.value)

    def test_change_without_a_consumer_passes(self, example: Example) -> None:
        example.edit("contracts/openapi/shop.json", ('"/"', '"/front"'))
        assert "GET /: removed; used by no consumer" in example.changes()
