"""The cursor of a page: its encoding, and what is refused as one."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, column

from chassis.db.paging import Sort, _decode_cursor, _encode_cursor, decode_int
from chassis.web.errors import InvalidRequest
from chassis.web.fields import MAX_ID

ID = Sort(column("id", BigInteger), BigInteger(), "id", False, int, decode_int)

IDS = st.integers(0, MAX_ID)


def cursor_of(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def assert_refused(cursor: str, message: str | None = None) -> None:
    """The cursor is refused where it was sent; `message` says why, where that matters."""
    with pytest.raises(InvalidRequest) as caught:
        _decode_cursor(cursor, "id", ID)
    (problem,) = caught.value.errors()
    assert problem["loc"] == ["query", "after"]
    assert message in (None, problem["msg"])


@given(st.text(max_size=100), IDS)
def test_cursor_needs_no_escaping_in_a_url(name: str, row_id: int) -> None:
    cursor = _encode_cursor("name", 2, name, row_id)
    assert all(character.isalnum() or character in "-_" for character in cursor)


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_any_text_is_refused(text: str) -> None:
    assert_refused(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=10,
    )
)
def test_any_json_is_refused(value: Any) -> None:
    assert_refused(cursor_of(value))


@pytest.mark.parametrize(
    "value",
    [
        ["id", 1, 1],
        ["id", -1, 1, 1],
        ["id", MAX_ID + 1, 1, 1],
        ["id", True, 1, 1],
        ["id", "1", 1, 1],
        ["id", 1, -1, 1],
        ["id", 1, MAX_ID + 1, 1],
        ["id", 1, 10**500, 1],
        ["id", 1, float("nan"), 1],
        ["id", 1, False, 1],
        ["id", 1, "1", 1],
        ["id", 1, [1], 1],
        ["id", 1, 1, MAX_ID + 1],
        ["id", 1, 1, "1"],
        {"id": 1, "b": 2, "c": 3, "d": 4},
    ],
    ids=str,
)
def test_changed_cursor_is_refused(value: object) -> None:
    assert_refused(cursor_of(value), "Not a cursor of this list")
