"""The report shows each interaction once, nothing as kept that wasn't seen to be, and runs nothing foreign."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import check_contracts
import pytest
from contract_gate import deployment, services
from contract_gate.deployment import Answer
from contract_gate.page import write
from contract_gate.page.graph import graph_of
from contract_gate.page.rows import BROKEN, KEPT, UNKNOWN, rows_of
from contract_gate.record import NOT_ASKED, PASSED, Record
from contract_gate.services import GateFailed

from service_testing.contracts.pact_files import Interaction, read_all
from service_testing.contracts.results import Result

PACTS = Path(__file__).parents[2] / "contracts/pacts"
COMMITTED = list(read_all(PACTS))
NUMBER = next(
    number for number, each in enumerate(COMMITTED) if "body" in each.document.get("response", {})
)
FIRST = COMMITTED[NUMBER]
HOSTILE = "<script>alert(1)</script>\"'>&{{ 7 * 7 }}</pre>"


class Page(HTMLParser):
    """The table's rows, the text, and whatever could load or run something."""

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


@pytest.fixture
def record() -> Record:
    """Of a run that saw everything kept."""
    record = Record()
    for step in record.steps.values():
        step.outcome = PASSED
    record.results = [result(each) for each in COMMITTED]
    record.canaries = {each.provider for each in COMMITTED}
    return record


@pytest.fixture
def pacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The gate's pacts are these."""
    folder = tmp_path / "pacts"
    folder.mkdir()
    monkeypatch.setattr(services, "PACTS", folder)
    return folder


def page_of(record: Record, folder: Path) -> Page:
    write.write_page(folder / "page.html", record)
    return Page(folder / "page.html")


class TestRows:
    def test_page_has_each_committed_interaction_once(self, record: Record, tmp_path: Path) -> None:
        page = page_of(record, tmp_path)
        expected = [
            (
                each.consumer,
                each.provider,
                each.description,
                "message" if each.is_message else "HTTP",
            )
            for each in COMMITTED
        ]
        assert sorted(page.rows) == sorted(expected)
        assert set(page.outcomes.values()) == {KEPT}
        assert "✓ The gate passed" in page.text
        for each in COMMITTED:
            assert each.test in page.text
            assert all(used.name in page.text for used in each.states)

    def test_broken_interaction_is_so_with_its_reason(self, record: Record, tmp_path: Path) -> None:
        record.results[NUMBER] = result(FIRST, "users breaks items: a look-up\n  differs    $.name")
        page = page_of(record, tmp_path)
        assert Counter(page.outcomes.values()) == {KEPT: len(COMMITTED) - 1, BROKEN: 1}
        assert page.outcomes[FIRST.description] == BROKEN
        assert "users breaks items: a look-up\n  differs    $.name" in page.text

    def test_interaction_without_a_result_is_not_kept(self, record: Record) -> None:
        del record.results[NUMBER]
        (row,) = (row for row in rows_of(COMMITTED, record) if row.outcome != KEPT)
        assert (row.interaction, row.outcome) == (FIRST, UNKNOWN)
        assert row.reason == "No test has verified it in this run."

    def test_interaction_that_was_broken_once_and_kept_once_is_broken(self, record: Record) -> None:
        record.results.insert(0, result(FIRST, "broken"))
        assert rows_of(COMMITTED, record)[0].outcome == BROKEN

    def test_verification_of_something_else_does_not_count(self, record: Record) -> None:
        other = json.loads(json.dumps(FIRST.document))
        other["request"]["path"] = "/elsewhere"
        record.results[NUMBER] = result(Interaction(FIRST.consumer, FIRST.provider, other))
        row = rows_of(COMMITTED, record)[0]  # what isn't kept comes first
        assert (row.outcome, row.reason) == (UNKNOWN, "What was verified isn't what is committed.")

    def test_provider_without_a_canary_is_not_believed(self, record: Record) -> None:
        record.canaries = {"items"}
        unknown = {
            row.interaction.provider for row in rows_of(COMMITTED, record) if row.outcome == UNKNOWN
        }
        assert unknown == {"users"}

    def test_run_that_looked_at_nothing_is_green_nowhere(self, tmp_path: Path) -> None:
        page = page_of(Record(), tmp_path)
        assert set(page.outcomes.values()) == {UNKNOWN}
        assert "✗ The gate failed" in page.text
        classes = " ".join(value for name, value in page.attributes if name == "class").split()
        assert "passed" not in classes
        assert "yes" not in classes

    def test_page_without_interactions_says_that_nothing_was_verified(
        self, pacts: Path, tmp_path: Path
    ) -> None:
        assert "There is no interaction: nothing was promised" in page_of(Record(), tmp_path).text

    def test_pact_that_can_not_be_read_does_not_keep_the_page_from_being_made(
        self, pacts: Path, tmp_path: Path
    ) -> None:
        (pacts / "items-users.json").write_text("{}")
        assert "✗ The gate failed" in page_of(Record(), tmp_path).text


class TestWhatItLoads:
    def test_page_loads_nothing(self, record: Record, tmp_path: Path) -> None:
        page = page_of(record, tmp_path)
        loading = [
            value for name, value in page.attributes if name in {"src", "href", "action", "data"}
        ]
        assert loading == []
        assert not page.tags.keys() & {"link", "img", "iframe", "object", "embed", "base"}
        assert "://" not in (tmp_path / "page.html").read_text()
        text = (tmp_path / "page.html").read_text()
        assert "default-src &#39;none&#39;; style-src &#39;sha256-" in text

    def test_nothing_that_is_shown_can_run(
        self, record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        document = json.loads(json.dumps(FIRST.document))
        document["description"] = document["comments"]["testname"] = HOSTILE
        document["request"]["path"] = document["request"]["headers"][HOSTILE] = HOSTILE
        document["providerStates"] = [{"name": HOSTILE, "params": {HOSTILE: HOSTILE}}]
        document["response"]["body"]["content"] = {HOSTILE: HOSTILE}
        document["response"]["matchingRules"] = {
            HOSTILE: {HOSTILE: {"matchers": [{"match": HOSTILE}]}}
        }
        hostile = Interaction(HOSTILE, HOSTILE, document)
        monkeypatch.setattr(write, "_committed", lambda: [hostile])
        record.results = [result(hostile)]
        harmless = page_of(record, tmp_path).tags["script"]
        record.results = [result(hostile, HOSTILE)]
        record.answers = [Answer(False, HOSTILE)]
        record.steps["kept"].text = HOSTILE
        page = page_of(record, tmp_path)
        assert page.rows == [(HOSTILE, HOSTILE, HOSTILE, "HTTP")]
        assert page.tags["script"] == harmless == 1
        assert page.text.count("<script>alert(1)</script>") > 15


class TestGraph:
    def test_edge_counts_what_is_kept(self, record: Record) -> None:
        del record.results[NUMBER]
        edges = {
            (edge.consumer, edge.provider, edge.transport): edge
            for edge in graph_of(["users", "items"], rows_of(COMMITTED, record)).edges
        }
        assert edges.keys() == {
            (each.consumer, each.provider, "message" if each.is_message else "HTTP")
            for each in COMMITTED
        }
        assert sum(edge.total for edge in edges.values()) == len(COMMITTED)
        assert [name for name, edge in edges.items() if not edge.is_kept] == [
            ("items", "users", "HTTP")
        ]

    def test_graph_takes_a_third_service_and_one_without_contracts(self, record: Record) -> None:
        more = [
            *COMMITTED,
            Interaction("orders", "users", FIRST.document),
            Interaction("users", "users", FIRST.document),
        ]
        graph = graph_of(["users", "items", "orders", "alone"], rows_of(more, record))
        assert {box.name for box in graph.boxes} == {"users", "items", "orders", "alone"}
        assert {(edge.consumer, edge.provider) for edge in graph.edges} > {
            ("orders", "users"),
            ("users", "users"),
        }
        for box in graph.boxes:
            assert box.x - box.width / 2 >= 0
            assert box.x + box.width / 2 <= graph.width
            assert 0 <= box.y - box.height / 2 <= graph.height


class TestRecord:
    def test_step_that_fails_is_kept_with_its_reason(self) -> None:
        record = Record()

        def look() -> None:
            with record.step("kept") as say:
                say("28 were tried.")
                raise GateFailed("One is broken.")

        with pytest.raises(GateFailed):
            look()
        assert record.steps["kept"].outcome == "failed"
        assert record.steps["kept"].text == "28 were tried.\nOne is broken."
        assert record.verdict == "failed"

    def test_report_is_made_of_a_run_that_fails_and_an_older_one_is_gone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "page.html"
        path.write_text("of last week")

        def fails(*_: object) -> None:
            assert not path.exists()
            raise GateFailed("broken")

        monkeypatch.setattr(check_contracts, "_check_committed", fails)
        monkeypatch.setattr(check_contracts, "_check_kept", fails)
        assert check_contracts.main([f"--report={path}"]) == 1
        assert "✗ The gate failed" in Page(path).text

    def test_drift_does_not_keep_the_gate_from_saying_whom_a_change_breaks(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fails_with(text: str) -> Callable[..., None]:
            def fail(*_: object) -> None:
                raise GateFailed(text)

            return fail

        monkeypatch.setattr(check_contracts, "_check_committed", fails_with("has drifted"))
        monkeypatch.setattr(check_contracts, "_check_kept", fails_with("users breaks items"))
        assert check_contracts.main([]) == 1
        assert "has drifted\n\nusers breaks items\n" in capsys.readouterr().out

    def test_gate_that_could_ask_nobody_does_not_say_yes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record = Record()
        monkeypatch.setattr(deployment, "answers", lambda _: iter([]))
        check_contracts._can_deploy(record, ["users"], ["items"])
        assert record.steps["deployable"].outcome == NOT_ASKED
        assert "not asked" in page_of(record, tmp_path).text
