"""Prices as strings and as cents."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.money import MAX_CENTS, Price, price_text, to_cents

PRICE: TypeAdapter[Decimal] = TypeAdapter(Price)
CENTS = st.integers(0, MAX_CENTS)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("0", "0.00"),
        ("0.00", "0.00"),
        ("9.9", "9.90"),
        ("9.99", "9.99"),
        ("007.50", "7.50"),
        ("99999999.99", "99999999.99"),
        (0, "0.00"),
        (-0.0, "0.00"),
        (7, "7.00"),
        (0.01, "0.01"),
        (1e2, "100.00"),
        (9.99, "9.99"),
        (99999999.99, "99999999.99"),
        (Decimal("9.990"), "9.99"),
    ],
)
def test_price_text_has_two_decimal_places(sent: Any, shown: str) -> None:
    price = PRICE.validate_python(sent)
    assert price_text(to_cents(price)) == shown


@pytest.mark.parametrize(
    "sent",
    [
        *("", " ", ".", "-", "9.", ".5", "-1", "-0", "+1", " 9.99", "9.99 ", "9.99\n", "9,99"),
        *("9.990", "0.001", "100000000", "99999999.999", "1e2", "0x1", "1_000", "NaN", "inf"),
        *("٣", "\uff19.\uff19\uff19", "0" * 9, "1" * 5000),
        *(-1, -0.01, 0.001, 9.999, 100_000_000, 99_999_999.995, 1e308, 10**4000),
        *(float("nan"), float("inf"), float("-inf"), Decimal("NaN"), Decimal("sNaN")),
        *(Decimal("1e999999"), Decimal("1e-2000000"), Decimal(f"1.{'0' * 30}1")),
        *(True, False, None, [], {}, b"9.99"),
    ],
    ids=lambda sent: f"{type(sent).__name__} {str(sent)[:16]!r}",
)
def test_price_refuses_other_values_than_cents_in_range(sent: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        PRICE.validate_python(sent)
    assert [error["type"] for error in caught.value.errors()] == ["price"]


@given(CENTS)
def test_price_round_trips_as_a_string_and_as_a_json_number(cents: int) -> None:
    text = price_text(cents)
    for sent in (text, json.loads(text)):
        assert to_cents(PRICE.validate_python(sent)) == cents


@given(st.text() | st.floats() | st.integers() | st.decimals())
def test_price_is_refused_or_exact(sent: Any) -> None:
    try:
        price = PRICE.validate_python(sent)
    except ValidationError:
        return
    assert price == Decimal(str(sent))
    assert 0 <= to_cents(price) <= MAX_CENTS
