"""A contract can expect only what the consumer's model reads."""

from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FutureDate,
    NaiveDatetime,
    create_model,
    model_validator,
)

from contracts.consumer.bodies import example_of, rules_of, schema_of
from contracts.consumer.expectations import containing, matching, read_by, typed
from contracts.errors import ContractError
from contracts.schemas import violations


def text(*patterns: str) -> dict[str, Any]:
    """Null matches a pattern that "null" matches, so `type` has to be required too."""
    return both({"match": "type"}, *({"match": "regex", "regex": each} for each in patterns))


def both(*matchers: dict[str, Any]) -> dict[str, Any]:
    return {"combine": "AND", "matchers": list(matchers)}


def either(*matchers: dict[str, Any]) -> dict[str, Any]:
    return {"combine": "OR", "matchers": list(matchers)}


def regex(pattern: str) -> dict[str, Any]:
    return {"match": "regex", "regex": pattern}


class Hat(BaseModel):
    size: int
    label: Annotated[str, Field(min_length=1, max_length=20)] = "none"


class Person(BaseModel):
    id: int
    is_active: bool
    born: datetime | None = None
    hats: list[Hat] = []


class Kind(Enum):
    FELT = "felt"
    STRAW = "straw hat"


def even(value: int) -> int:
    return value


class Everything(BaseModel):
    role: Literal["user", "admin"]
    kind: Kind | None
    id: UUID
    born: date
    seen: datetime | None
    code: Annotated[str, Field(pattern="^[A-Z]+$", max_length=3)]
    nick: Annotated[str, Field(pattern="^[a-z]+$")] | None
    size: Annotated[int, Field(ge=1, le=9)]
    weight: float
    either: int | Literal["none"]
    choice: Literal[1, 2] | None
    price: Decimal
    local: NaiveDatetime
    opens: time
    tags: Annotated[list[Literal["a", "b"]], Field(min_length=1)]
    hats: list[Hat]
    notes: dict[str, str]
    checked: Annotated[int, AfterValidator(even)]
    future: FutureDate
    even: Annotated[Decimal, Field(decimal_places=2)]


class Whole(BaseModel):
    id: int

    @model_validator(mode="after")
    def is_whole(self) -> "Whole":
        return self


NULL = {"match": "null"}
UUID_TEXT = "5f6c2f2e-6a50-4f6e-8f6f-0d5a3a3c8d4b"
HEX = "[0-9a-fA-F]"
RFC_3339 = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"
RULES: list[tuple[str, Any, dict[str, Any]]] = [
    ("role", "user", text("^(user|admin)$")),
    ("kind", "felt", either(regex(r"^(felt|straw\ hat)$"), NULL)),
    ("kind", None, either(regex(r"^(felt|straw\ hat)$"), NULL)),
    ("id", UUID_TEXT, text(f"^{HEX}{{8}}(-{HEX}{{4}}){{3}}-{HEX}{{12}}$")),
    ("born", "1815-12-10", text(r"^\d{4}-\d\d-\d\d$")),
    ("seen", "2026-11-23T09:30:00.5+01:00", either(regex(RFC_3339), NULL)),
    ("code", "ABC", text(r"^[\s\S]{0,3}$", "^[A-Z]+$")),
    ("nick", None, either(regex("^[a-z]+$"), NULL)),
    ("size", 3, both({"match": "integer"})),
    ("weight", 1.5, both({"match": "number"})),
    ("either", 1, either({"match": "integer"}, regex("^(none)$"))),
    ("choice", 1, either(regex("^(1|2)$"), NULL)),
    ("local", "2026-11-23T09:30:00", text(r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?$")),
    ("opens", "09:30", text(r"^\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?$")),
    ("tags", ["a", "b"], both({"match": "type", "min": 1})),
]
REFUSED: list[tuple[str, Any, str]] = [
    ("role", "administrator", "rejects the example"),
    ("seen", "2026-11-23", r"its JSON Schema doesn't: \$\.seen: .* is not a .date-time"),
    ("size", 10, "rejects the example"),
    ("notes", {}, "give the exact value, or use `read_by`"),
    ("checked", 2, "no contract can express the validator even"),
    ("future", "2126-01-01", "no contract can express the constraint now_op"),
    ("even", "2.50", "no contract can express the constraint decimal_places"),
]


def parted(field: str) -> type[BaseModel]:
    """A model with this field of `Everything` only."""
    info = Everything.model_fields[field]
    model: type[BaseModel] = create_model("Parted", **{field: (info.rebuild_annotation(), ...)})  # type: ignore[call-overload]
    return model


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
        assert example_of(body) == {"id": 7, "is_active": False, "hats": [{"size": 3}]}
        assert rules_of(body) == {}

    def test_read_by_rejects_a_field_that_the_model_does_not_read(self) -> None:
        with pytest.raises(ContractError, match="Person doesn't read `email`: remove it"):
            read_by(Person, id=7, is_active=True, email="ada@example.com")

    def test_read_by_rejects_a_missing_field_that_the_model_requires(self) -> None:
        with pytest.raises(ContractError, match="Person requires `is_active`: add it"):
            read_by(Person, id=7)

    def test_read_by_rejects_an_example_that_the_model_rejects(self) -> None:
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

    @pytest.mark.parametrize(("field", "example", "rule"), RULES)
    def test_typed_value_has_the_constraints_of_the_model(
        self, field: str, example: Any, rule: dict[str, Any]
    ) -> None:
        body = read_by(parted(field), **{field: typed(example)})
        assert rules_of(body)[f"$.{field}"] == rule
        assert example_of(body) == {field: example}

    @pytest.mark.parametrize(("field", "example", "message"), REFUSED)
    def test_constraint_that_no_contract_can_express_is_an_error(
        self, field: str, example: Any, message: str
    ) -> None:
        with pytest.raises(ContractError, match=message):
            rules_of(read_by(parted(field), **{field: typed(example)}))

    def test_validator_of_the_whole_model_is_an_error_for_typed_values_only(self) -> None:
        assert read_by(Whole, id=7) == {"id": 7}
        with pytest.raises(
            ContractError, match=r"can.t be `typed`: no .* the validator Whole\.is_whole"
        ):
            read_by(Whole, id=typed(7))

    def test_typed_bool_matches_only_booleans(self) -> None:
        body = read_by(Person, id=7, is_active=typed(True))
        assert rules_of(body) == {"$.is_active": both({"match": "type"})}

    def test_typed_list_has_any_number_of_elements_like_the_first(self) -> None:
        hats = typed([read_by(Hat, size=typed(3), label="cap")])
        assert rules_of(read_by(parted("hats"), hats=hats)) == {
            "$.hats": both({"match": "type"}),
            "$.hats[*].size": both({"match": "integer"}),
            "$.hats[*].label": both({"match": "equality"}),
        }
        tags = read_by(parted("tags"), tags=typed(["a"]))
        assert rules_of(tags)["$.tags[*]"] == text("^(a|b)$")

    @pytest.mark.parametrize("key", ["", "7", "*", "a'b", "a\\b"])
    def test_typed_value_of_a_key_that_pact_cannot_name_is_an_error(self, key: str) -> None:
        assert rules_of({key: {"size": 3}}) == {}
        with pytest.raises(ContractError, match="Pact can't name"):
            rules_of({key: {"size": typed(3)}})


class TestSchema:
    def test_schema_has_only_what_validates(self) -> None:
        class Titled(BaseModel):
            """A document."""

            title: str = Field(description="As printed", examples=["x"])

        wanted = {"properties": {"title": {"type": "string"}}, "required": ["title"]}
        assert schema_of(read_by(Titled, title="x")) == {"type": "object", **wanted}

    def test_schema_of_parts_is_found_in_any_body(self) -> None:
        person = read_by(Person, id=7, is_active=True, hats=[read_by(Hat, size=3)])
        schema = schema_of({"data": person, "all": [1, person], "more": "x"})
        assert schema is not None
        wrong = {"hats": [{"size": "3"}], "id": 7, "is_active": True}
        assert list(
            violations(schema, {"data": wrong, "all": [1, {"id": "7", "is_active": True}]})
        ) == [
            ("$.data.hats[0].size", '"3" is not of type "integer"'),
            ("$.all[1].id", '"7" is not of type "integer"'),
        ]
        assert schema_of({"more": ["x"]}) is None


class TestMatching:
    def test_matching_rejects_an_example_that_does_not_match(self) -> None:
        with pytest.raises(ContractError, match="The example 'RS256' doesn't match"):
            matching("RS256", "^EdDSA$")

    def test_matching_must_match_to_the_end(self) -> None:
        with pytest.raises(ContractError):
            matching("EdDSA!", "EdDSA")


def test_containing_matches_a_list_with_other_values() -> None:
    body = {"aud": containing("items", matching("x", "^x$"))}
    assert example_of(body) == {"aud": ["items", "x"]}
    variants = [{"index": 0, "rules": {}}, {"index": 1, "rules": {"$": text("^x$")}}]
    assert rules_of(body) == {"$.aud": both({"match": "arrayContains", "variants": variants})}
