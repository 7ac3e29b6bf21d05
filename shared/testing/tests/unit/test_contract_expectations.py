"""What a contract can claim about an answer: what the consumer's model reads, and no more."""

from datetime import datetime
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from service_testing.contracts.catalogue import ContractError
from service_testing.contracts.expectations import (
    containing,
    example_of,
    integration_json,
    matching,
    read_by,
    typed,
)


def text(pattern: str) -> list[dict[str, str]]:
    """Null matches a pattern that "null" does, so that it's a text has to be said beside."""
    return [
        {"pact:matcher:type": "type"},
        {"pact:matcher:type": "regex", "regex": pattern},
    ]


class Hat(BaseModel):
    size: int
    label: Annotated[str, Field(min_length=1, max_length=20)] = "none"


class Person(BaseModel):
    id: int
    is_active: bool
    born: datetime | None = None
    hats: list[Hat] = []


class Stamped(BaseModel):
    at: datetime


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: int


class WithClosedPart(BaseModel):
    id: int
    part: Closed | None = None


class Labelled(BaseModel):
    labels: dict[str, str]


class TestReadBy:
    def test_read_by_pins_each_value_to_what_is_given(self) -> None:
        body = read_by(Person, id=7, is_active=False, hats=[read_by(Hat, size=3)])
        assert integration_json(body) == {"id": 7, "is_active": False, "hats": [{"size": 3}]}

    def test_read_by_refuses_a_field_that_the_model_does_not_read(self) -> None:
        with pytest.raises(ContractError, match="Person doesn't read `email`: leave it out"):
            read_by(Person, id=7, is_active=True, email="ada@example.com")

    def test_read_by_refuses_to_leave_out_a_field_that_the_model_needs(self) -> None:
        with pytest.raises(ContractError, match="Person reads `is_active`: say what it expects"):
            read_by(Person, id=7)

    def test_read_by_refuses_an_example_that_the_model_does_not_take(self) -> None:
        with pytest.raises(ContractError, match="Person doesn't take the example"):
            read_by(Person, id="seven", is_active=True)

    @pytest.mark.parametrize("model", [Closed, WithClosedPart])
    def test_read_by_refuses_a_model_that_forbids_other_fields(
        self, model: type[BaseModel]
    ) -> None:
        with pytest.raises(ContractError, match="the provider could never add one"):
            read_by(model, id=7)

    def test_read_by_takes_a_model_with_fields_of_any_name(self) -> None:
        assert read_by(Labelled, labels={"size": "small"}) == {"labels": {"size": "small"}}

    @pytest.mark.parametrize(
        ("model", "field", "example", "matcher"),
        [
            (Hat, "size", 3, {"pact:matcher:type": "integer", "value": 3}),
            (
                Hat,
                "label",
                "blue",
                {"pact:matcher:type": text(r"^[\s\S]{1,20}$"), "value": "blue"},
            ),
        ],
    )
    def test_read_by_takes_from_the_model_what_typed_means(
        self, model: Any, field: str, example: Any, matcher: dict[str, Any]
    ) -> None:
        body = read_by(model, **{"size": 3, field: typed(example)})
        assert integration_json(body)[field] == matcher

    def test_read_by_takes_true_and_false_alone_for_a_typed_bool(self) -> None:
        body = read_by(Person, id=7, is_active=typed(True))
        assert body["is_active"] == {"pact:matcher:type": "type", "value": True}

    @pytest.mark.parametrize("time", ["2026-11-23T09:30:00Z", "2026-11-23T09:30:00.123456Z"])
    def test_read_by_takes_times_in_utc(self, time: str) -> None:
        assert example_of(read_by(Stamped, at=typed(time))) == {"at": time}

    @pytest.mark.parametrize("time", ["2026-11-23", "2026-11-23T09:30:00+02:00"])
    def test_read_by_refuses_other_times(self, time: str) -> None:
        with pytest.raises(ContractError, match="The example of `at` doesn't match"):
            read_by(Stamped, at=typed(time))


class TestMatching:
    def test_matching_refuses_an_example_that_does_not_match(self) -> None:
        with pytest.raises(ContractError, match="The example 'RS256' doesn't match"):
            matching("RS256", "^EdDSA$")

    def test_matching_must_match_to_the_end(self) -> None:
        with pytest.raises(ContractError):
            matching("EdDSA!", "EdDSA")


def test_typed_refuses_what_has_parts() -> None:
    with pytest.raises(ContractError, match="pin it, or take it apart"):
        integration_json({"hats": typed([1])})


def test_containing_asks_for_these_among_others() -> None:
    body = {"aud": containing("items", matching("x", "^x$"))}
    assert example_of(body) == {"aud": ["items", "x"]}
    assert integration_json(body)["aud"] == {
        "pact:matcher:type": "arrayContains",
        "variants": ["items", {"pact:matcher:type": text("^x$"), "value": "x"}],
    }
