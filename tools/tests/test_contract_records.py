"""Records of parts make the page that one run would have made, and what has no record is never green."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import check_contracts
import pytest
from contract_gate import deployed, services
from contract_gate.deployment import Answer
from contract_gate.page.rows import KEPT, rows_of
from contract_gate.record import FAILED, INCOMPLETE, NOT_ASKED, NOT_REACHED, PASSED, Record
from contract_gate.records import join, write_record
from small_gate import SmallGate

from service_testing.contracts.pact_files import read_all
from service_testing.contracts.results import Result

COMMITTED = list(read_all(Path(__file__).parents[2] / "contracts/pacts"))
STEPS = {
    "consumers": ("committed", "described", "published"),
    "users": ("kept", "deployable"),
    "items": ("kept", "deployable"),
}


def record_of(part: str) -> Record:
    """What a job leaves in which all went well."""
    record = Record()
    for name in STEPS[part]:
        record.steps[name].outcome = PASSED
        record.steps[name].text = f"{name} is well."
    if part != "consumers":
        own = [each for each in COMMITTED if each.provider == part]
        record.results = [Result(each, "", 0.02, datetime.now(UTC)) for each in own]
        record.canaries = {part}
        record.answers = [Answer(True, f"{part} beside the deployed: yes.")]
    return record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a record of each part."""
    for part in STEPS:
        write_record(tmp_path / "records" / f"{part}.json", part, record_of(part))
    return tmp_path / "records"


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


class TestJoined:
    def test_records_of_all_parts_are_one_that_passed(self, folder: Path) -> None:
        record = join(folder).record

        assert record.verdict == PASSED
        assert {row.outcome for row in rows_of(COMMITTED, record)} == {KEPT}
        assert [answer.sentence for answer in record.answers] == [
            "items beside the deployed: yes.",
            "users beside the deployed: yes.",
        ]
        assert record.steps["kept"].text == "users: kept is well.\nitems: kept is well."

    @pytest.mark.parametrize("part", STEPS)
    def test_part_without_a_record_is_passed_nowhere(self, folder: Path, part: str) -> None:
        (folder / f"{part}.json").unlink()

        record = join(folder).record

        assert (record.verdict, record.missing) == (INCOMPLETE, [part])
        for name in STEPS[part]:
            assert record.steps[name].outcome == NOT_REACHED
            assert "There is no record." in record.steps[name].text
        unseen = {
            row.interaction.provider for row in rows_of(COMMITTED, record) if row.outcome != KEPT
        }
        assert unseen == {part} - {"consumers"}

    def test_part_that_failed_fails_the_whole_whatever_is_missing(self, folder: Path) -> None:
        failed = record_of("users")
        failed.steps["kept"].outcome = FAILED
        write_record(folder / "users.json", "users", failed)
        (folder / "items.json").unlink()

        record = join(folder).record

        assert record.verdict == FAILED
        assert record.steps["kept"].outcome == FAILED

    def test_step_that_one_provider_did_not_reach_is_not_passed(self, folder: Path) -> None:
        stopped = record_of("users")
        stopped.steps["deployable"].outcome = NOT_REACHED
        write_record(folder / "users.json", "users", stopped)

        record = join(folder).record

        assert record.steps["deployable"].outcome == NOT_REACHED
        assert record.verdict == FAILED

    def test_nobody_was_asked_only_if_no_part_asked(self, folder: Path) -> None:
        for part, expected in (("users", PASSED), ("items", NOT_ASKED)):
            silent = record_of(part)
            silent.steps["deployable"].outcome = NOT_ASKED
            write_record(folder / f"{part}.json", part, silent)
            assert join(folder).record.steps["deployable"].outcome == expected

    def test_record_says_nothing_of_where_the_repository_lies(self, folder: Path) -> None:
        record = record_of("users")
        record.steps["kept"].text = f"{services.ROOT}/services/users/app/main.py:7: AssertionError"
        write_record(folder / "users.json", "users", record)

        assert str(services.ROOT) not in (folder / "users.json").read_text()
        assert "services/users/app/main.py:7" in join(folder).record.steps["kept"].text


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda path: path.write_text("{"), "is no record of a part"),
        (lambda path: path.write_text("[]"), "is no record of a part"),
        (lambda path: edit(path, lambda each: each.update(part="orders")), "no part orders"),
        (lambda path: edit(path, lambda each: each.update(commit="0" * 40)), "of the commit 000"),
        (lambda path: edit(path, lambda each: each.pop("steps")), "KeyError('steps')"),
        (
            lambda path: edit(path, lambda each: each["steps"]["kept"].update(outcome="fine")),
            "there is no outcome fine",
        ),
    ],
    ids=["cut off", "a list", "another part", "another commit", "no steps", "another outcome"],
)
def test_file_that_is_no_record_of_now_fails_and_counts_for_nothing(
    folder: Path,
    spoil: Callable[[Path], object],
    problem: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(folder / "users.json")

    assert check_contracts.main([f"--from={folder}", f"--report={folder.parent / 'page'}"]) == 1

    assert problem in capsys.readouterr().out
    assert "A part of the gate" in (folder.parent / "page").read_text()


def test_part_that_two_records_claim_fails(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_record(folder / "zzz.json", "users", record_of("users"))

    assert check_contracts.main([f"--from={folder}", f"--report={folder.parent / 'page'}"]) == 1
    assert "zzz.json is a second record of users" in capsys.readouterr().out


def test_page_of_no_record_fails_and_an_older_one_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    page.write_text("The gate passed")

    assert check_contracts.main([f"--from={tmp_path / 'none'}", f"--report={page}"]) == 1

    assert "no part has left one" in capsys.readouterr().out
    assert "The gate passed" not in page.read_text()
    assert "There is no record of consumers, users, items" in page.read_text()


def test_commit_is_that_of_the_checkout() -> None:
    assert re.fullmatch("[0-9a-f]{40}", deployed.commit())


# Each run of the gate has runs of pytest within.
@pytest.mark.slow
@pytest.mark.timeout(120)
class TestWithTheGate:
    @pytest.fixture
    def gate(
        self,
        pytester: pytest.Pytester,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> SmallGate:
        return SmallGate(pytester, monkeypatch, capsys)

    def test_page_of_parts_is_that_of_the_whole(self, gate: SmallGate) -> None:
        assert gate.run("--report=whole.html") == 0
        assert gate.run("consumers", "--record=records/consumers.json") == 0
        assert gate.run("example", "deployment", "--record=records/example.json") == 0
        assert gate.run("--from=records", "--report=parts.html") == 0

        assert shown("parts.html") == shown("whole.html")
        assert "The gate passed" in shown("parts.html")

    def test_part_that_is_red_leaves_a_record_that_shows_it(self, gate: SmallGate) -> None:
        gate.edit(gate.root / "example/app.py", '"/notes/"', '"/papers/"')

        assert gate.run("consumers", "--record=records/consumers.json") == 0
        assert gate.run("example", "deployment", "--record=records/example.json") == 1
        assert gate.run("--from=records", "--report=page.html") == 0

        assert "The gate failed" in shown("page.html")
        assert "example breaks example: all notes" in Path("page.html").read_text()


def shown(file: str) -> str:
    """The page without times, durations, and the names of the parts before what they say."""
    text = Path(file).read_text()
    text = re.sub(r"\d+ ms|[\d-]{10}(T| at | )[\d:.+]+( UTC)?", "", text)
    return re.sub(r"\bexample: ", "", text)
