# needs: users, items
"""The figures of `tox -e bench` and `tox -e bench-events`."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import routes
from bench.comparison import TOLERANCE, Comparison, Run, as_table
from bench.events import Result, as_line
from bench.load import Load
from bench.routes import AnswersDiffer, check_same_answer, measured_routes
from tests.e2e.subscribers import arrivals

ROUTES = {route.name: route for route in measured_routes(item_id=1, token="t")}
READ, CREATE = ROUTES["GET /items/{id}"], ROUTES["POST /items/"]


def run(*, cpu_seconds: float, requests: int = 1000) -> Run:
    return Run(load=Load(requests=requests, seconds=2.0, failed=0), cpu_seconds=cpu_seconds)


def comparison(*ratios: float, limit: float = 3.0) -> Comparison:
    pairs = [(run(cpu_seconds=ratio), run(cpu_seconds=1)) for ratio in ratios]
    return Comparison(route="route", limit=limit, pairs=pairs)


class TestComparison:
    def test_cpu_is_that_of_one_request(self) -> None:
        assert run(cpu_seconds=0.5, requests=1000).cpu_us == 500

    def test_ratio_is_the_median_of_the_pairs(self) -> None:
        """A slow moment that affects both runs of a pair changes nothing."""
        pairs = [
            (run(cpu_seconds=2), run(cpu_seconds=1)),
            (run(cpu_seconds=30), run(cpu_seconds=10)),
            (run(cpu_seconds=10), run(cpu_seconds=1)),
        ]
        compared = Comparison(route="route", limit=3.0, pairs=pairs)
        assert sorted(compared.ratios) == [2, 3, 10]
        assert compared.ratio == 3

    @pytest.mark.parametrize(("excess", "is_within"), [(0, True), (0.01, False)])
    def test_limit_has_a_tolerance(self, excess: float, is_within: bool) -> None:
        assert comparison(2.0 + TOLERANCE + excess, limit=2.0).is_within_limit is is_within

    def test_table_marks_a_route_over_its_limit(self) -> None:
        _, good, bad = as_table([comparison(2), comparison(2, limit=1.5)]).splitlines()
        assert "over the limit" not in good
        assert bad.endswith("over the limit")


class TestSameAnswer:
    @pytest.fixture
    def answers(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
        found: dict[str, str] = {}
        monkeypatch.setattr(routes, "_answer", lambda _, url: found[url])
        return found

    def test_one_more_byte_is_another_answer(self, answers: dict[str, str]) -> None:
        answers |= {"product": '200 {"id":1}', "reference": '200 {"id": 1}'}
        with pytest.raises(AnswersDiffer, match="product"):
            check_same_answer(READ, "product", "reference")

    def test_created_item_may_have_another_id(self, answers: dict[str, str]) -> None:
        answers |= {"product": '201 {"id":41}', "reference": '201 {"id":7}'}
        check_same_answer(CREATE, "product", "reference")
        with pytest.raises(AnswersDiffer):
            check_same_answer(READ, "product", "reference")


class TestEvents:
    def test_line_has_means_and_the_percentiles_of_all_deliveries(self) -> None:
        rounds = [Result(90, 500, 7, range(1, 51)), Result(110, 700, 9, range(51, 101))]
        figures = ["100", "50.5", "100.0", "600", "8"]
        assert as_line("nats", 3, rounds).split() == ["nats", "3", *figures]

    def test_event_that_came_twice_arrived_the_first_time(self, tmp_path: Path) -> None:
        times = [datetime(2026, 11, 30, 9, minute, tzinfo=UTC) for minute in range(2)]
        lines = [
            json.dumps({"event": "event_received", "id": "e-1", "timestamp": each.isoformat()})
            for each in times
        ]
        log = tmp_path / "items.log"
        log.write_text("\n".join(["not JSON", '{"event": "request"}', *lines]))
        assert arrivals(log) == {"e-1": times[0]}
