"""How `tox -e bench` comes to its figures. That the servers answer alike, it checks itself, each time."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from compare import answers
from compare.answers import AnswersDiffer, check_same_answer
from compare.figures import Comparison, Run, compare
from compare.load import HOW_TO_GET_WRK, Load, LoadFailed, find_wrk, run_load
from compare.picture import as_picture
from compare.report import as_json, as_table
from compare.routes import Route, compared_routes

ROUTES = {
    route.name: route
    for route in compared_routes(item_id=1, token="t", credentials={"username": "a@b"})
}
ROUTE, CREATE = ROUTES["GET /items/{id}"], ROUTES["POST /items/"]


def run(*, cpu_seconds: float, requests: int = 1000, p99_ms: float = 3.0) -> Run:
    load = Load(requests=requests, seconds=2.0, p50_ms=1.0, p99_ms=p99_ms, failed=0)
    return Run(load=load, cpu_seconds=cpu_seconds)


def drawn(compared: Comparison) -> ET.Element:
    return ET.fromstring(as_picture([compared]))  # noqa: S314 - it is our own text


class TestFigures:
    def test_cpu_is_of_one_request(self) -> None:
        assert run(cpu_seconds=0.5, requests=1000).cpu_us == 500

    def test_the_ratio_is_the_median_of_the_pairs(self) -> None:
        """A slow moment that meets both sides of a pair changes nothing."""
        quiet, busy = run(cpu_seconds=1), run(cpu_seconds=10)
        pairs = [(run(cpu_seconds=2), quiet), (run(cpu_seconds=30), busy), (busy, quiet)]

        compared = compare("route", 3.0, pairs)

        assert (compared.ratio_least, compared.ratio, compared.ratio_most) == (2, 3, 10)

    def test_each_side_is_its_median_run(self) -> None:
        pairs = [(run(cpu_seconds=s, p99_ms=s), run(cpu_seconds=1)) for s in (1, 2, 9)]

        compared = compare("route", 3.0, pairs)

        assert compared.product.cpu_us == 2000
        assert compared.product.p99_ms == 2
        assert compared.product.requests_per_second == 500

    @pytest.mark.parametrize(("limit", "is_within"), [(2.0, True), (1.9, False)])
    def test_the_limit_itself_is_within(self, limit: float, is_within: bool) -> None:
        compared = compare("route", limit, [(run(cpu_seconds=2), run(cpu_seconds=1))])

        assert compared.is_within_limit is is_within


class TestReport:
    def test_a_route_over_its_limit_is_marked(self) -> None:
        pairs = [(run(cpu_seconds=2), run(cpu_seconds=1))]
        good, bad = compare("good", 3.0, pairs), compare("bad", 1.5, pairs)

        _, first, second = as_table([good, bad]).splitlines()

        assert "over the limit" not in first
        assert second.startswith("bad")
        assert second.endswith("over the limit")

    def test_json_says_on_what_it_was_measured(self) -> None:
        compared = compare("route", 3.0, [(run(cpu_seconds=2), run(cpu_seconds=1))])

        record = json.loads(as_json([compared], (1.0, 2.0)))

        assert record["load_average"] == [1.0, 2.0]
        assert record["machine"]["packages"]["fastapi"]
        assert record["routes"][0]["ratio"] == 2


class TestPicture:
    def test_a_bar_is_as_long_as_its_ratio(self) -> None:
        bars = []
        for seconds in (2, 4):
            pairs = [(run(cpu_seconds=seconds), run(cpu_seconds=1))]
            picture = drawn(compare("route", 3.0, pairs))
            bars += [each for each in picture if each.get("class") in ("bar", "over")]

        assert [bar.get("class") for bar in bars] == ["bar", "over"]
        assert int(bars[1].get("width", 0)) == 2 * int(bars[0].get("width", 0))

    def test_the_name_of_a_route_is_text(self) -> None:
        pairs = [(run(cpu_seconds=2), run(cpu_seconds=1))]
        picture = drawn(compare("GET /<id>", 3.0, pairs))

        assert "GET /<id>" in {each.text for each in picture}


class TestLoad:
    @pytest.fixture
    def wrk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Says on its output what the test wrote, and keeps its arguments."""
        program = tmp_path / "wrk"
        program.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/args\ncat {tmp_path}/says\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        return tmp_path

    def say(self, folder: Path, **changed: float) -> None:
        said = {"requests": 9, "seconds": 1.0, "p50_ms": 1.0, "p99_ms": 2.0, "failed": 0, **changed}
        (folder / "says").write_text(f"Running 1s test\n{json.dumps(said)}\n")

    def test_the_request_of_the_route_is_sent(self, wrk: Path) -> None:
        self.say(wrk)

        load = run_load("http://here", CREATE, seconds=1)

        sent = (wrk / "args").read_text().splitlines()
        assert load.requests == 9
        assert "http://here/items/" in sent
        assert "Authorization: Bearer t" in sent
        assert sent[-2:] == ["POST", CREATE.body]

    @pytest.mark.parametrize("failure", [{"failed": 1}, {"requests": 0}])
    def test_a_failed_request_spoils_the_run(self, wrk: Path, failure: dict[str, float]) -> None:
        self.say(wrk, **failure)

        with pytest.raises(LoadFailed, match=r"requests failed|no request ended"):
            run_load("http://here", ROUTE, seconds=1)

    def test_without_wrk_it_says_how_to_get_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(LoadFailed) as caught:
            find_wrk()
        assert str(caught.value) == HOW_TO_GET_WRK


class TestAnswers:
    def give(self, monkeypatch: pytest.MonkeyPatch, **bodies: str) -> None:
        def answer(_: Route, url: str) -> tuple[int, str]:
            return 200, bodies[url]

        monkeypatch.setattr(answers, "_answer", answer)

    def test_one_byte_more_is_another_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.give(monkeypatch, product='{"id":1}', reference='{"id": 1}')

        with pytest.raises(AnswersDiffer, match="product"):
            check_same_answer(ROUTE, "product", "reference")

    def test_what_is_created_may_have_an_id_of_its_own(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.give(monkeypatch, product='{"id":41}', reference='{"id":7}')

        check_same_answer(CREATE, "product", "reference")
        with pytest.raises(AnswersDiffer):
            check_same_answer(ROUTE, "product", "reference")
