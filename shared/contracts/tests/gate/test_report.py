"""Records and the page: what did not run is never shown as passed, and nothing in the page can run."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from gate.example import SERVICES, Example

from contracts import cli
from contracts.errors import ContractError
from contracts.gate.deployment import Answer
from contracts.gate.record import FAILED, INCOMPLETE, NOT_ASKED, NOT_REACHED, PASSED, Record
from contracts.gate.records import deployment_of, join, parts_of, write_record
from contracts.gate.workspace import Workspace
from contracts.pacts import Interaction, read_all
from contracts.report import page as page_module
from contracts.report.graph import graph_of
from contracts.report.page import write_page
from contracts.report.rows import BROKEN, UNKNOWN, VERIFIED, rows_of
from contracts.results import Result

TRANSPORT = {True: "message", False: "HTTP"}
HOSTILE = "<script>alert(1)</script>\"'>&{{ 7 * 7 }}</pre>"


class Page(HTMLParser):
    """The rows of the table, the text, and everything that could load or run something."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.rows: list[tuple[str, str, str, str]] = []
        self.outcomes: dict[str, str] = {}
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._body: dict[str, str] = {}
        self._is_name = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        values = {name: value or "" for name, value in attrs}
        self.attributes += values.items()
        if tag == "tbody":
            self._body = values
        self._is_name = (
            tag == "th" and values.get("scope") == "row" and "data-consumer" in self._body
        )

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._is_name:
            body = self._body
            row = (body["data-consumer"], body["data-provider"], data, body["data-transport"])
            self.rows.append(row)
            self.outcomes[data] = body["data-outcome"]
            self._is_name = False


PageOf = Callable[[Record], Page]
Interactions = list[Interaction]


@pytest.fixture
def workspace(example: Example) -> Workspace:
    return example.gate.workspace


@pytest.fixture
def committed(workspace: Workspace) -> Interactions:
    return list(read_all(workspace.pacts))


def result(interaction: Interaction, reason: str = "") -> Result:
    return Result(interaction, reason, 0.02, datetime.now(UTC))


def without_comments(interaction: Interaction) -> Interaction:
    return Interaction("mailer", "catalog", {**interaction.document, "comments": {}})


@pytest.fixture
def record(committed: Interactions) -> Record:
    """Of a run in which everything passed."""
    record = Record()
    for step in record.steps.values():
        step.outcome = PASSED
    record.results = [result(each) for each in committed]
    record.canaries = {"catalog"}
    return record


@pytest.fixture
def page_of(workspace: Workspace, tmp_path: Path) -> PageOf:
    def write(record: Record) -> Page:
        write_page(workspace, tmp_path / "page.html", record)
        return Page(tmp_path / "page.html")

    return write


class TestRows:
    def test_page_has_each_interaction_once(
        self, record: Record, page_of: PageOf, committed: Interactions
    ) -> None:
        page = page_of(record)
        assert sorted(page.rows) == sorted(
            (each.consumer, each.provider, each.description, TRANSPORT[each.is_message])
            for each in committed
        )
        assert set(page.outcomes.values()) == {VERIFIED}
        assert "✓ The gate passed" in page.text
        for each in committed:
            assert each.test in page.text
            assert all(used.name in page.text for used in each.states)

    def test_broken_interaction_has_its_reason(
        self, record: Record, page_of: PageOf, committed: Interactions
    ) -> None:
        record.results[0] = result(committed[0], "catalog breaks mailer\n  differs    $.name")
        page = page_of(record)
        assert Counter(page.outcomes.values()) == {VERIFIED: len(committed) - 1, BROKEN: 1}
        assert page.outcomes[committed[0].description] == BROKEN
        assert "catalog breaks mailer\n  differs    $.name" in page.text

    @pytest.mark.parametrize(
        ("change", "outcome", "reason"),
        [
            (lambda run, _: run.results.pop(0), UNKNOWN, "No test verified it."),
            (lambda run, first: run.results.insert(0, result(first, "red")), BROKEN, "red"),
            (
                lambda run, first: run.results.__setitem__(0, result(without_comments(first))),
                UNKNOWN,
                "The verified interaction differs from the committed one.",
            ),
        ],
        ids=["no result", "one broken result among others", "of another version"],
    )
    def test_interaction_is_verified_only_by_its_own_results(
        self,
        record: Record,
        committed: Interactions,
        change: Callable[[Record, Interaction], Any],
        outcome: str,
        reason: str,
    ) -> None:
        change(record, committed[0])
        (row,) = (row for row in rows_of(committed, record) if row.outcome != VERIFIED)
        assert (row.interaction, row.outcome, row.reason) == (committed[0], outcome, reason)

    def test_results_without_a_canary_do_not_count(
        self, record: Record, committed: Interactions
    ) -> None:
        record.canaries = set()
        assert {row.outcome for row in rows_of(committed, record)} == {UNKNOWN}

    def test_empty_record_is_green_nowhere(self, page_of: PageOf) -> None:
        page = page_of(Record())
        assert set(page.outcomes.values()) == {UNKNOWN}
        assert "✗ The gate failed" in page.text
        classes = " ".join(value for name, value in page.attributes if name == "class").split()
        assert not {"passed", "yes"} & set(classes)

    def test_invalid_pact_does_not_prevent_the_page(
        self, example: Example, page_of: PageOf
    ) -> None:
        example.write("contracts/pacts/shop-catalog.json", "{}")
        example.write("contracts/pacts/mailer-catalog.json", "{}")
        page = page_of(Record())
        assert "✗ The gate failed" in page.text
        assert "There is no interaction: nothing was verified." in page.text


class TestSecurity:
    def test_page_loads_nothing(self, record: Record, page_of: PageOf, tmp_path: Path) -> None:
        page = page_of(record)
        loading = {"src", "href", "action", "data"}
        assert [value for name, value in page.attributes if name in loading] == []
        assert not page.tags.keys() & {"link", "img", "iframe", "object", "embed", "base"}
        text = (tmp_path / "page.html").read_text()
        assert "://" not in text
        assert "default-src &#39;none&#39;; style-src &#39;sha256-" in text

    def test_nothing_in_the_page_can_run(
        self,
        record: Record,
        page_of: PageOf,
        committed: Interactions,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        first = next(each for each in committed if "body" in each.document.get("response", {}))
        document = json.loads(json.dumps(first.document))
        document["description"] = document["comments"]["testname"] = HOSTILE
        document["request"]["path"] = document["request"]["headers"][HOSTILE] = HOSTILE
        document["providerStates"] = [{"name": HOSTILE, "params": {HOSTILE: HOSTILE}}]
        document["response"]["body"]["content"] = {HOSTILE: HOSTILE}
        rules = {HOSTILE: {HOSTILE: {"matchers": [{"match": HOSTILE}]}}}
        document["response"]["matchingRules"] = rules
        hostile = Interaction(HOSTILE, HOSTILE, document)
        monkeypatch.setattr(page_module, "_committed", lambda _: [hostile])
        record.results = [result(hostile, HOSTILE)]
        record.answers = [Answer(False, HOSTILE)]
        record.steps["verified"].text = HOSTILE
        page = page_of(record)
        assert page.rows == [(HOSTILE, HOSTILE, HOSTILE, "HTTP")]
        assert page.tags["script"] == 1
        assert page.text.count("<script>alert(1)</script>") > 15


class TestGraph:
    def test_edge_counts_verified_interactions(
        self, record: Record, committed: Interactions
    ) -> None:
        del record.results[0]
        edges = graph_of(SERVICES, rows_of(committed, record)).edges
        assert {(each.consumer, each.provider, each.transport) for each in edges} == {
            ("mailer", "catalog", "message"),
            ("shop", "catalog", "HTTP"),
        }
        assert sum(each.total for each in edges) == len(committed)
        assert [each.consumer for each in edges if not each.is_verified] == ["mailer"]

    def test_graph_has_services_without_contracts(
        self, record: Record, committed: Interactions
    ) -> None:
        more = [*committed, Interaction("catalog", "catalog", committed[0].document)]
        graph = graph_of([*SERVICES, "alone"], rows_of(more, record))
        assert {box.name for box in graph.boxes} == {*SERVICES, "alone"}
        for box in graph.boxes:
            assert box.x - box.width / 2 >= 0
            assert box.x + box.width / 2 <= graph.width
            assert 0 <= box.y - box.height / 2 <= graph.height


def part_record(part: str, committed: Interactions) -> Record:
    """What a part leaves in which everything passed."""
    record = Record()
    names = ["committed", "described", "compatible"] if part == "consumers" else ["verified"]
    if part.startswith("deployment-"):
        names = ["deployable"]
        record.answers = [Answer(True, f"{part}: yes.")]
    for name in names:
        record.steps[name].outcome = PASSED
        record.steps[name].text = f"{part}: {name} passed."
    if part == "catalog":
        record.results = [result(each) for each in committed]
        record.canaries = {part}
    return record


class TestRecords:
    @pytest.fixture(autouse=True)
    def records(self, workspace: Workspace, committed: Interactions) -> None:
        for part in parts_of(workspace):
            write_record(workspace, part, part_record(part, committed))

    def test_all_parts_together_passed(self, workspace: Workspace, committed: Interactions) -> None:
        record = join(workspace)
        assert record.verdict == PASSED
        assert {row.outcome for row in rows_of(committed, record)} == {VERIFIED}
        assert len(record.answers) == len(SERVICES)
        assert "catalog: verified passed." in record.steps["verified"].text

    @pytest.mark.parametrize("part", ["consumers", "catalog", "deployment-shop"])
    def test_part_without_a_record_is_missing(self, workspace: Workspace, part: str) -> None:
        (workspace.records / f"{part}.json").unlink()
        record = join(workspace)
        assert (record.verdict, record.missing) == (INCOMPLETE, [part])
        assert NOT_REACHED in {step.outcome for step in record.steps.values()}

    def test_failed_part_fails_the_whole(
        self, workspace: Workspace, committed: Interactions
    ) -> None:
        failed = part_record("catalog", committed)
        failed.steps["verified"].outcome = FAILED
        write_record(workspace, "catalog", failed)
        (workspace.records / "shop.json").unlink()
        assert join(workspace).verdict == FAILED

    def test_step_is_not_asked_only_if_no_part_asked(
        self, workspace: Workspace, committed: Interactions
    ) -> None:
        for number, service in enumerate(SERVICES, 1):
            silent = part_record(deployment_of(service), committed)
            silent.steps["deployable"].outcome = NOT_ASKED
            write_record(workspace, deployment_of(service), silent)
            outcome = join(workspace).steps["deployable"].outcome
            assert outcome == (NOT_ASKED if number == len(SERVICES) else PASSED)

    def test_record_has_no_path_of_this_machine(
        self, workspace: Workspace, committed: Interactions
    ) -> None:
        record = part_record("catalog", committed)
        record.steps["verified"].text = f"{workspace.root}/services/catalog/app/main.py:7: Error"
        write_record(workspace, "catalog", record)
        assert str(workspace.root) not in (workspace.records / "catalog.json").read_text()
        assert "services/catalog/app/main.py:7" in join(workspace).steps["verified"].text

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            (lambda _: "{", "is not a valid record"),
            (lambda _: "[]", "is not a valid record"),
            (lambda each: json.dumps(each | {"name": "depot"}), "there is no part depot"),
            (lambda each: json.dumps(each | {"commit": "0" * 40}), "it is of the commit 000"),
            (lambda each: json.dumps(each | {"record": {"steps": {}}}), "it has other steps"),
            (
                lambda each: json.dumps(each).replace('"passed"', '"fine"'),
                "should be 'not reached'",
            ),
        ],
        ids=["cut off", "a list", "another part", "another commit", "no steps", "another outcome"],
    )
    def test_invalid_record_is_ignored_and_fails(
        self,
        workspace: Workspace,
        change: Callable[[dict[str, Any]], str],
        problem: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        path = workspace.records / "catalog.json"
        path.write_text(change(json.loads(path.read_text())))
        page = tmp_path / "page.html"
        assert cli.main(["report", f"--html={page}"], start=workspace.root) == 1
        assert problem in capsys.readouterr().err
        assert "Only a part of the gate ran" in page.read_text()

    def test_second_record_of_a_part_fails(self, workspace: Workspace, tmp_path: Path) -> None:
        (workspace.records / "zzz.json").write_text((workspace.records / "shop.json").read_text())
        assert cli.main(["report", f"--html={tmp_path / 'page'}"], start=workspace.root) == 1


def test_report_without_a_record_fails_and_replaces_an_older_page(
    example: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    page.write_text("The gate passed")
    assert cli.main(["report", f"--html={page}"], start=example.root) == 1
    assert "Run `contracts check` first" in capsys.readouterr().err
    assert "The gate passed" not in page.read_text()


def test_report_shows_what_check_found(example: Example, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    arguments = ["report", f"--html={page}"]
    assert cli.main(["check"], start=example.root, runner=example.runner) == 0
    assert cli.main(arguments, start=example.root) == 0
    assert "✓ The gate passed" in Page(page).text

    example.edit("catalog/app/main.py", ("    title: str\n", "    name: str = 'Emma'\n"))
    assert cli.main(["check"], start=example.root, runner=example.runner) == 1
    assert cli.main(arguments, start=example.root) == 0
    text = Page(page).text
    assert "✗ The gate failed" in text
    assert "catalog breaks shop: an available book" in text
    steps = join(Workspace.read(example.root)).steps.values()
    assert NOT_REACHED not in {step.outcome for step in steps}


def test_failed_step_is_recorded_with_its_reason() -> None:
    record = Record()

    def step(report: Callable[[str], None]) -> None:
        report("14 were verified.")
        raise ContractError("One is broken.")

    record.run("verified", step)
    assert record.steps["verified"].outcome == FAILED
    assert record.steps["verified"].text == "14 were verified.\nOne is broken."
    assert record.verdict == FAILED
