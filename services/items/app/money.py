"""Prices: decimal outside, whole cents inside, never a binary fraction."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_CENTS = 99_999_999_99

_CENT = Decimal("0.01")

_PLAIN = re.compile(r"[0-9]{1,8}(\.[0-9]{1,2})?")
_PATTERN = r"^[0-9]{1,8}(\.[0-9]{1,2})?$"


def to_cents(price: Decimal) -> int:
    return int(price * 100)


def price_text(cents: int) -> str:
    """The price with two decimal places."""
    return f"{cents // 100}.{cents % 100:02d}"


def _parse(value: object) -> Decimal:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return Decimal(value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        # A JSON number arrives as a float, whose shortest text is what the client wrote.
        price = Decimal(str(value))
        # Only compared, not multiplied: that would round long numbers, and raise for the largest.
        is_in_range = price.is_finite() and 0 <= price <= MAX_CENTS * _CENT
        if is_in_range and price == price.quantize(_CENT):
            return abs(price)  # there is a -0
    raise PydanticCustomError(
        "price", "Input should be 0 to 99999999.99 with at most two decimal places"
    )


Price = Annotated[
    Decimal,
    BeforeValidator(_parse),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": _PATTERN},
                {"type": "number", "minimum": 0, "maximum": 99999999.99},
            ],
            "description": "At most two decimal places, as text or as a number.",
            "examples": ["9.99"],
        },
    ),
]
"""The type in a request: a string or a number."""

PriceText = Annotated[
    str,
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,8}\.[0-9]{2}$", "examples": ["9.99"]}),
]
"""The type in a response: a string with two decimal places."""
