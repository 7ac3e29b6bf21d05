"""A contract can expect only what the consumer's model reads."""

from datetime import datetime
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from contracts.consumer.expectations import (
    containing,
    example_of,
    integration_json,
    matching,
    read_by,
    typed,
)
from contracts.errors import ContractError


def text(pattern: str) -> list[dict[str, str]]:
    """Null matches a pattern that "null" matches, so `type` has to be required too."""
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
    def test_read_by_requires_the_exact_values(self) -> None:
        body = read_by(Person, id=7, is_active=False, hats=[read_by(Hat, size=3)])
        assert integration_json(body) == {"id": 7, "is_active": False, "hats": [{"size": 3}]}

    def test_read_by_rejects_a_field_that_the_model_does_not_read(self) -> None:
        with pytest.raises(ContractError, match="Person doesn't read `email`: remove it"):
            read_by(Person, id=7, is_active=True, email="ada@example.com")

    def test_read_by_rejects_to_leave_out_a_field_that_the_model_needs(self) -> None:
        with pytest.raises(ContractError, match="Person requires `is_active`: add it"):
            read_by(Person, id=7)

    def test_read_by_rejects_an_example_that_the_model_does_not_take(self) -> None:
        with pytest.raises(ContractError, match="Person rejects the example"):
            read_by(Person, id="seven", is_active=True)

    @pytest.mark.parametrize("model", [Closed, WithClosedPart])
    def test_read_by_rejects_a_model_that_forbids_other_fields(
        self, model: type[BaseModel]
    ) -> None:
        with pytest.raises(ContractError, match="the provider could never add one"):
            read_by(model, id=7)

    def test_read_by_accepts_a_model_with_any_field_names(self) -> None:
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
    def test_typed_value_has_the_constraints_of_the_model(
        self, model: Any, field: str, example: Any, matcher: dict[str, Any]
    ) -> None:
        body = read_by(model, **{"size": 3, field: typed(example)})
        assert integration_json(body)[field] == matcher

    def test_typed_bool_matches_only_booleans(self) -> None:
        body = read_by(Person, id=7, is_active=typed(True))
        assert body["is_active"] == {"pact:matcher:type": "type", "value": True}

    @pytest.mark.parametrize("time", ["2026-11-23T09:30:00Z", "2026-11-23T09:30:00.123456Z"])
    def test_typed_time_accepts_utc(self, time: str) -> None:
        assert example_of(read_by(Stamped, at=typed(time))) == {"at": time}

    @pytest.mark.parametrize("time", ["2026-11-23", "2026-11-23T09:30:00+02:00"])
    def test_typed_time_rejects_other_formats(self, time: str) -> None:
        with pytest.raises(ContractError, match="The example of `at` doesn't match"):
            read_by(Stamped, at=typed(time))


class TestMatching:
    def test_matching_rejects_an_example_that_does_not_match(self) -> None:
        with pytest.raises(ContractError, match="The example 'RS256' doesn't match"):
            matching("RS256", "^EdDSA$")

    def test_matching_must_match_to_the_end(self) -> None:
        with pytest.raises(ContractError):
            matching("EdDSA!", "EdDSA")


def test_typed_rejects_objects_and_lists() -> None:
    with pytest.raises(ContractError, match="give the exact value, or use `read_by`"):
        integration_json({"hats": typed([1])})


def test_containing_matches_a_list_with_other_values() -> None:
    body = {"aud": containing("items", matching("x", "^x$"))}
    assert example_of(body) == {"aud": ["items", "x"]}
    assert integration_json(body)["aud"] == {
        "pact:matcher:type": "arrayContains",
        "variants": ["items", {"pact:matcher:type": text("^x$"), "value": "x"}],
    }
