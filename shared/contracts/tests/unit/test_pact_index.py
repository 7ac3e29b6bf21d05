"""Which responses of a fake the committed pacts cover, and the message for the others."""

from pathlib import Path
from typing import Any

import pytest

from contracts import drift
from contracts.errors import ContractError
from contracts.fakes.pact_index import FakeResponse, PactIndex
from contracts.pacts import Contracts, Interaction, merged

HAT = {"id": 7, "label": "bowler", "is_sold": False, "kind": "felt", "worn_by": None}
STATE = [{"name": "a hat", "params": {"id": 7, "label": "bowler", "is_sold": False}}]


def interaction(description: str, path: str, status: int, **more: Any) -> Interaction:
    response: dict[str, Any] = {"status": status}
    if "body" in more:
        response["body"] = {"content": more["body"], "contentType": "application/json"}
    if "rules" in more:
        rules = {path: {"matchers": matchers} for path, matchers in more["rules"].items()}
        response["matchingRules"] = {"body": rules}
    document = {
        "description": description,
        "type": "Synchronous/HTTP",
        "providerStates": more.get("states", STATE),
        "request": {"method": "GET", "path": path},
        "response": response | more.get("response", {}),
    }
    return Interaction("hatter", more.get("provider", "shop"), document)


PACTS = [
    interaction("a hat", "/hats/7", 200, body=HAT),
    interaction("no hat", "/hats/7", 404),
    interaction("no hats", "/hats/", 200, body={"hats": [], "next": None}),
    interaction("hats", "/hats/", 200, body={"hats": [HAT], "next": 7}),
    interaction("all hats", "/hats/", 200, body={"hats": [{**HAT, "is_sold": True}], "next": None}),
    interaction(
        "the seal",
        "/seal",
        200,
        body={"mark": "ab", "size": 1, "is_new": True, "by": ["me"]},
        rules={
            "$.mark": [{"match": "type"}, {"match": "regex", "regex": "^[a-z]+$"}],
            "$.size": [{"match": "integer"}],
            "$.is_new": [{"match": "type"}],
            "$.by": [{"match": "arrayContains", "variants": [{"index": 0, "rules": {}}]}],
        },
    ),
    interaction(
        "the rent", "/rent", 204, provider="landlord", response={"headers": {"Tag": ["a"]}}
    ),
]


@pytest.fixture
def index(tmp_path: Path) -> PactIndex:
    drift.write(tmp_path / "pacts", merged(PACTS))
    return PactIndex(Contracts(tmp_path), "hatter")


def objection(index: PactIndex, path: str, status: int = 200, body: Any = None) -> str | None:
    return index.objection(FakeResponse(method="GET", path=path, status=status, body=body))


class TestCovered:
    @pytest.mark.parametrize(
        ("path", "status", "body"),
        [
            ("/hats/7", 200, HAT),
            ("/hats/7", 200, {**HAT, "more": "to come"}),
            ("/hats/9", 200, {**HAT, "id": 9, "label": "cap"}),
            ("/hats/9", 404, {"error": "whatever"}),
            ("/hats/", 200, {"hats": [], "next": None}),
            ("/hats/", 200, {"hats": [HAT, {**HAT, "id": 8, "is_sold": True}], "next": 8}),
            ("/seal", 200, {"mark": "xyz", "size": 9, "is_new": False, "by": ["you", "me"]}),
            ("/rent", 204, None),
            *(("/hats/7", status, None) for status in (429, 500, 503)),
        ],
    )
    def test_covered_response_passes(
        self, index: PactIndex, path: str, status: int, body: Any
    ) -> None:
        assert objection(index, path, status, body) is None


class TestUncovered:
    def test_uncovered_status_is_named_with_the_covered_ones(self, index: PactIndex) -> None:
        text = objection(index, "/hats/9", 410)
        assert text is not None
        assert text.startswith(
            "No interaction of hatter-shop answers GET /hats/{id} with 410, only with 200, 404.\n"
            "Add the interaction to a test in tests/contract and run `contracts update`. If"
        )
        assert text.endswith("give it the httpx extension `contracts.uncovered`.")

    @pytest.mark.parametrize(("method", "path"), [("GET", "/caps"), ("POST", "/hats/7")])
    def test_uncovered_request_is_named(self, index: PactIndex, method: str, path: str) -> None:
        text = index.objection(FakeResponse(method=method, path=path, status=200))
        assert f"No interaction of hatter has the request {method} {path}, which is" in str(text)

    @pytest.mark.parametrize(
        ("path", "body", "difference"),
        [
            ("/hats/7", {**HAT, "is_sold": True}, "`a hat`: $.is_sold: false was expected"),
            ("/hats/7", {**HAT, "is_sold": 0}, "$.is_sold: false was expected"),
            ("/hats/7", {**HAT, "id": "7"}, '$.id: "7" is not of type "integer"'),
            ("/hats/7", {"id": 7}, '$: "is_sold" is a required property; '),
            ("/hats/7", [], '$: [] is not of type "object"'),
            ("/hats/", {"hats": [], "next": 7}, "`hats`: $.hats: [] has less than 1 item"),
            (
                "/hats/",
                {"hats": [HAT, {}], "next": 7},
                '`hats`: $.hats[1]: "id" is a required property',
            ),
            ("/hats/", {"hats": {}, "next": 7}, '`hats`: $.hats: {} is not of type "array"'),
            ("/hats/", {"hats": [HAT], "next": "x"}, "`no hats`: $.hats: [{"),
            ("/seal", {"mark": "A"}, '$.mark: "A" does not match "^[a-z]+$"'),
            ("/seal", {"size": 1.5}, '$.size: 1.5 is not of type "integer"'),
            ("/seal", {"by": ["you"]}, '$.by: None of ["you"] are valid'),
        ],
    )
    def test_uncovered_body_is_named_with_the_difference(
        self, index: PactIndex, path: str, body: Any, difference: str
    ) -> None:
        text = objection(index, path, 200, body)
        assert text is not None
        assert " with 200 and such a body:\n" in text
        assert difference in text

    def test_elements_of_a_list_are_covered_for_one_status_only(self, tmp_path: Path) -> None:
        hats = interaction("hats", "/hats/", 200, body=[HAT])
        clashes = interaction("clashes", "/hats/", 409, body=["taken"])
        drift.write(tmp_path / "pacts", merged([hats, clashes]))
        index = PactIndex(Contracts(tmp_path), "hatter")
        assert objection(index, "/hats/", 200, [HAT]) is None
        assert objection(index, "/hats/", 409, ["taken"]) is None
        assert '$[0]: "taken" was expected' in str(objection(index, "/hats/", 409, [HAT]))

    @pytest.mark.parametrize(
        ("headers", "difference"),
        [({}, "the header Tag is missing"), ({"Tag": "b"}, "the header Tag is 'b', not like 'a'")],
    )
    def test_missing_or_different_header_is_named(
        self, index: PactIndex, headers: dict[str, str], difference: str
    ) -> None:
        answer = FakeResponse(method="GET", path="/rent", status=204, headers=headers)
        assert difference in str(index.objection(answer))

    def test_header_may_have_parameters(self, index: PactIndex) -> None:
        answer = FakeResponse(
            method="GET", path="/rent", status=204, headers={"Tag": "a; charset=x"}
        )
        assert index.objection(answer) is None

    def test_undeclared_header_passes(self, index: PactIndex) -> None:
        answer = FakeResponse(method="GET", path="/hats/7", status=404, headers={"Tag": "b"})
        assert index.objection(answer) is None

    def test_interactions_of_other_consumers_do_not_count(
        self, index: PactIndex, tmp_path: Path
    ) -> None:
        others = PactIndex(Contracts(tmp_path), "tailor")
        assert "No interaction of tailor has" in str(objection(others, "/hats/7"))

    def test_unknown_matcher_is_an_error(self, tmp_path: Path) -> None:
        rules = {"$": [{"match": "semver"}]}
        drift.write(
            tmp_path / "pacts", merged([interaction("it", "/it", 200, body="1", rules=rules)])
        )
        with pytest.raises(ContractError, match="Pact's matcher `semver`: add it to"):
            objection(PactIndex(Contracts(tmp_path), "hatter"), "/it", body="2")
