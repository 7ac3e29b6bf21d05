"""Plain digits and `PathId`: what a path or a query may say for a number."""

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chassis.web.fields import MAX_ID, PathId, plain_digits

PLAIN_INT: TypeAdapter[int] = TypeAdapter(Annotated[int, plain_digits])
PATH_ID: TypeAdapter[int] = TypeAdapter(PathId)


def mistake(adapter: TypeAdapter[int], text: str) -> str:
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(text)
    (problem,) = caught.value.errors()
    return problem["type"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "+1",
        "-1",
        "1.0",
        "1e3",
        " 1",
        "1 ",
        "1\n",
        "1_000",
        "0x1",
        "٣",
        "１",  # noqa: RUF001
        "²",
        "①",
        "1,000",
        "true",
        "None",
        "9" * 30,
        "0" * 20,
    ],
)
def test_anything_but_plain_digits_is_refused(text: str) -> None:
    assert mistake(PLAIN_INT, text) == "int_parsing"


@given(st.text())
def test_any_text_is_a_number_or_a_mistake(text: str) -> None:
    try:
        number = PLAIN_INT.validate_python(text)
    except ValidationError:
        assert not (text.isascii() and text.isdigit() and len(text) <= 19)
    else:
        assert text.lstrip("0") == (str(number) if number else "")


def test_a_number_in_code_needs_no_spelling() -> None:
    assert PATH_ID.validate_python(5) == 5


def test_the_limits_of_an_id_are_published() -> None:
    schema = PATH_ID.json_schema()
    assert (schema["type"], schema["minimum"], schema["maximum"]) == ("integer", 1, MAX_ID)
