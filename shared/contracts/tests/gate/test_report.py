"""Records and the page: what did not run is never shown as passed, and nothing in the page can run."""

import json
import re
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
from contracts.report.rows import BROKEN, UNKNOWN, VERIFIED, Row, rows_of
from contracts.results import Result

TRANSPORT = {True: "message", False: "HTTP"}
PHONE_WIDTH = 390
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


def result(interaction: Interaction, reason: str = "") -> Result:
    return Result(interaction, reason, 0.02, datetime.now(UTC))


def without_comments(interaction: Interaction) -> Interaction:
    return Interaction("mailer", "catalog", {**interaction.document, "comments": {}})


class Run:
    """A run in which everything passed."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.committed = list(read_all(workspace.pacts))
        self.record = self.of("catalog", *Record().steps)

    @property
    def rows(self) -> list[Row]:
        return rows_of(self.committed, self.record)

    def page(self, record: Record | None = None) -> Page:
        path = self.workspace.root / "page.html"
        write_page(self.workspace, path, record or self.record)
        return Page(path)

    def of(self, part: str, *steps: str) -> Record:
        """What a part leaves, with its own steps or these."""
        record = Record()
        own = ["committed", "described", "compatible"] if part == "consumers" else ["verified"]
        if part.startswith("deployment-"):
            own = ["deployable"]
            record.answers = [Answer(True, f"{part}: yes.")]
        for name in steps or own:
            record.steps[name].outcome = PASSED
            record.steps[name].text = f"{part}: {name} passed."
        if part == "catalog":
            record.results = [result(each) for each in self.committed]
            record.canaries = {part}
        return record

    def leave(self, part: str, record: Record) -> None:
        write_record(self.workspace, part, record)


@pytest.fixture
def run(example: Example) -> Run:
    return Run(example.gate.workspace)


class TestRows:
    def test_page_has_each_interaction_once(self, run: Run) -> None:
        page = run.page()
        assert sorted(page.rows) == sorted(
            (each.consumer, each.provider, each.description, TRANSPORT[each.is_message])
            for each in run.committed
        )
        assert set(page.outcomes.values()) == {VERIFIED}
        assert "✓ The gate passed" in page.text
        for each in run.committed:
            assert each.test in page.text
            assert all(used.name in page.text for used in each.states)

    def test_broken_interaction_has_its_reason(self, run: Run) -> None:
        run.record.results[0] = result(
            run.committed[0], "catalog breaks mailer\n  differs    $.name"
        )
        page = run.page()
        assert Counter(page.outcomes.values()) == {VERIFIED: len(run.committed) - 1, BROKEN: 1}
        assert page.outcomes[run.committed[0].description] == BROKEN
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
        self, run: Run, change: Callable[[Record, Interaction], Any], outcome: str, reason: str
    ) -> None:
        change(run.record, run.committed[0])
        (row,) = (row for row in run.rows if row.outcome != VERIFIED)
        assert (row.interaction, row.outcome, row.reason) == (run.committed[0], outcome, reason)

    def test_results_without_a_canary_do_not_count(self, run: Run) -> None:
        run.record.canaries = set()
        assert {row.outcome for row in run.rows} == {UNKNOWN}

    def test_empty_record_is_green_nowhere(self, run: Run) -> None:
        page = run.page(Record())
        assert set(page.outcomes.values()) == {UNKNOWN}
        assert "✗ The gate failed" in page.text
        classes = " ".join(value for name, value in page.attributes if name == "class").split()
        assert not {"passed", "yes"} & set(classes)

    def test_invalid_pact_does_not_prevent_the_page(self, run: Run, example: Example) -> None:
        example.write("contracts/pacts/shop-catalog.json", "{}")
        example.write("contracts/pacts/mailer-catalog.json", "{}")
        page = run.page(Record())
        assert "✗ The gate failed" in page.text
        assert "There is no interaction: nothing was verified." in page.text


class TestSecurity:
    def test_page_loads_nothing(self, run: Run) -> None:
        page = run.page()
        loading = {"src", "href", "action", "data"}
        assert [value for name, value in page.attributes if name in loading] == []
        assert not page.tags.keys() & {"link", "img", "iframe", "object", "embed", "base"}
        text = (run.workspace.root / "page.html").read_text()
        assert "://" not in text
        assert "default-src &#39;none&#39;; style-src &#39;sha256-" in text

    def test_nothing_in_the_page_can_run(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        first = next(each for each in run.committed if "body" in each.document.get("response", {}))
        document = json.loads(json.dumps(first.document))
        document["description"] = document["comments"]["testname"] = HOSTILE
        document["request"]["path"] = document["request"]["headers"][HOSTILE] = HOSTILE
        document["providerStates"] = [{"name": HOSTILE, "params": {HOSTILE: HOSTILE}}]
        document["response"]["body"]["content"] = {HOSTILE: HOSTILE}
        rules = {HOSTILE: {HOSTILE: {"matchers": [{"match": HOSTILE}]}}}
        document["response"]["matchingRules"] = rules
        hostile = Interaction(HOSTILE, HOSTILE, document)
        monkeypatch.setattr(page_module, "_committed", lambda _: [hostile])
        run.record.results = [result(hostile, HOSTILE)]
        run.record.answers = [Answer(False, HOSTILE)]
        run.record.steps["verified"].text = HOSTILE
        page = run.page()
        assert page.rows == [(HOSTILE, HOSTILE, HOSTILE, "HTTP")]
        assert page.tags["script"] == 0
        assert page.text.count("<script>alert(1)</script>") > 15


class TestGraph:
    def test_edge_counts_verified_interactions(self, run: Run) -> None:
        del run.record.results[0]
        graph = graph_of(run.rows)
        assert [(each.consumer, each.text, each.is_verified) for each in graph.edges] == [
            ("mailer", "message 1/2", False),
            ("shop", "HTTP 12/12", True),
        ]
        assert list(graph.consumers) == ["mailer", "shop"]
        assert list(graph.providers) == ["catalog"]
        assert max(graph.consumers.values()) < graph.height

    def test_graph_without_interactions_is_empty(self) -> None:
        graph = graph_of([])
        assert (graph.edges, graph.consumers, graph.height > 0) == ([], {}, True)


class TestRecords:
    @pytest.fixture(autouse=True)
    def records(self, run: Run) -> None:
        for part in parts_of(run.workspace):
            run.leave(part, run.of(part))

    def test_all_parts_together_passed(self, run: Run) -> None:
        record = join(run.workspace)
        assert record.verdict == PASSED
        assert {row.outcome for row in rows_of(run.committed, record)} == {VERIFIED}
        assert len(record.answers) == len(SERVICES)
        assert "catalog: verified passed." in record.steps["verified"].text

    @pytest.mark.parametrize("part", ["consumers", "catalog", "deployment-shop"])
    def test_part_without_a_record_is_missing(self, run: Run, part: str) -> None:
        (run.workspace.records / f"{part}.json").unlink()
        record = join(run.workspace)
        assert (record.verdict, record.missing) == (INCOMPLETE, [part])
        assert NOT_REACHED in {step.outcome for step in record.steps.values()}

    def test_failed_part_fails_the_whole(self, run: Run) -> None:
        failed = run.of("catalog")
        failed.steps["verified"].outcome = FAILED
        run.leave("catalog", failed)
        (run.workspace.records / "shop.json").unlink()
        assert join(run.workspace).verdict == FAILED

    def test_step_is_not_asked_only_if_no_part_asked(self, run: Run) -> None:
        for number, service in enumerate(SERVICES, 1):
            silent = run.of(deployment_of(service))
            silent.steps["deployable"].outcome = NOT_ASKED
            run.leave(deployment_of(service), silent)
            outcome = join(run.workspace).steps["deployable"].outcome
            assert outcome == (NOT_ASKED if number == len(SERVICES) else PASSED)

    def test_record_has_no_path_of_this_machine(self, run: Run) -> None:
        record = run.of("catalog")
        place = "services/catalog/app/main.py:7"
        record.steps["verified"].text = f"{run.workspace.root}/{place}: Error"
        run.leave("catalog", record)
        assert str(run.workspace.root) not in (run.workspace.records / "catalog.json").read_text()
        assert place in join(run.workspace).steps["verified"].text

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            (lambda _: "{", "is not a valid record"),
            (lambda _: "[]", "is not a valid record"),
            (lambda each: json.dumps(each | {"part": "depot"}), "is of another part"),
            (lambda each: json.dumps(each | {"commit": "0" * 40}), "is of the commit 000"),
            (lambda each: json.dumps(each | {"steps": {}}), "has other steps"),
            (
                lambda each: json.dumps(each).replace('"passed"', '"fine"'),
                "should be 'not reached'",
            ),
        ],
        ids=["cut off", "a list", "another part", "another commit", "no steps", "another outcome"],
    )
    def test_invalid_record_is_ignored_and_fails(
        self,
        run: Run,
        change: Callable[[dict[str, Any]], str],
        problem: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        path = run.workspace.records / "catalog.json"
        path.write_text(change(json.loads(path.read_text())))
        page = tmp_path / "page.html"
        assert cli.main(["report", f"--html={page}"], start=run.workspace.root) == 1
        assert problem in capsys.readouterr().err
        assert "Only a part of the gate ran" in page.read_text()

    def test_second_record_of_a_part_fails(self, run: Run, tmp_path: Path) -> None:
        folder = run.workspace.records
        (folder / "zzz.json").write_text((folder / "shop.json").read_text())
        assert cli.main(["report", f"--html={tmp_path / 'page'}"], start=run.workspace.root) == 1


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


def test_page_needs_no_more_width_than_a_phone_has() -> None:
    style = Path(page_module.__file__).with_name("page.css").read_text()
    paddings = 2 * (12 + 14 + 1)  # of main, of a section, and its line
    widths = re.findall(r"(?:minmax\(|\bmin-width: |\{ width: )(\d+)px", style)
    assert widths
    assert max(map(int, widths)) <= PHONE_WIDTH - paddings
    assert "overflow-wrap: anywhere" in style
