"""Plain digits and `PathId`: numbers in a path or a query."""

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chassis.web.fields import MAX_ID, PathId, plain_digits

PLAIN_INT: TypeAdapter[int] = TypeAdapter(Annotated[int, plain_digits])
PATH_ID: TypeAdapter[int] = TypeAdapter(PathId)


@pytest.mark.parametrize(
    "text", ["", "+1", "-1", "1.0", "1e3", " 1", "1\n", "1_000", "0x1", "٣", "²", "true", "0" * 20]
)
def test_anything_but_plain_digits_is_refused(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PLAIN_INT.validate_python(text)
    assert [problem["type"] for problem in caught.value.errors()] == ["int_parsing"]


@given(st.text())
def test_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        number = PLAIN_INT.validate_python(text)
    except ValidationError:
        assert not (text.isascii() and text.isdigit() and len(text) <= 19)
    else:
        assert text.lstrip("0") == (str(number) if number else "")


def test_id_is_published_with_its_limits() -> None:
    assert PATH_ID.validate_python(5) == 5
    schema = PATH_ID.json_schema()
    assert (schema["type"], schema["minimum"], schema["maximum"]) == ("integer", 1, MAX_ID)
