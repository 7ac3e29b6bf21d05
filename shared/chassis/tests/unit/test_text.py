"""`Text` and `Name`."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chassis.web.fields import Name, StoredName, Text

TEXT: TypeAdapter[str] = TypeAdapter(Text)
NAME: TypeAdapter[str] = TypeAdapter(Name)
STORED_NAME: TypeAdapter[str] = TypeAdapter(StoredName)
BLANKS = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"
NO_BLANKS = "\x08\x0e\x1c\x1f\u180e\u200b\u2060\ufeff"  # some are blanks in other languages' `\\s`


def error_of(adapter: TypeAdapter[str], value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(value)
    (problem,) = caught.value.errors()
    return problem["type"]


def assert_follows_its_published_pattern(adapter: TypeAdapter[str], text: str) -> None:
    schema = adapter.json_schema()
    assert not {"minLength", "maxLength"} & set(schema)
    is_accepted = False
    with suppress(ValidationError):
        adapter.validate_python(text)
        is_accepted = True
    assert is_accepted == (re.search(schema["pattern"], text) is not None)


def names() -> st.SearchStrategy[str]:
    """Texts around the limits: blanks of all kinds outside, up to 122 characters inside."""
    blanks = st.text(st.sampled_from(BLANKS + NO_BLANKS), max_size=3)
    inside = st.sampled_from(["", "a", "a\0a", "a" * 119, "a" * 120, "a" * 121])
    return st.builds("{}{}{}".format, blanks, inside, blanks)


@pytest.mark.parametrize("adapter", [TEXT, NAME], ids=["Text", "Name"])
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("\0", "string_nul"),
        ("a\0", "string_nul"),
        ("a\udfffb", "string_unicode"),
        ("\udc00\ud800", "string_unicode"),
    ],
)
def test_text_that_no_database_stores_is_refused(
    adapter: TypeAdapter[str], text: str, kind: str
) -> None:
    assert error_of(adapter, text) == kind


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_other_text_is_unchanged(text: str) -> None:
    assert TEXT.validate_python(text) == text


def test_pair_of_surrogates_in_json_is_one_character() -> None:
    assert TEXT.validate_json(r'"\ud83d\ude00"') == "\N{GRINNING FACE}"


@given(st.text(st.sampled_from("a\0\n"), max_size=4))
def test_text_follows_its_published_pattern(text: str) -> None:
    assert_follows_its_published_pattern(TEXT, text)


@pytest.mark.parametrize("adapter", [NAME, STORED_NAME], ids=["Name", "StoredName"])
@given(text=names())
def test_name_follows_its_published_pattern(adapter: TypeAdapter[str], text: str) -> None:
    assert_follows_its_published_pattern(adapter, text)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((f"a{control}b", "string_control") for control in "\t\n\x1b\x7f\x9b\u2028\u202e\u2066"),
        *((f"{control}ab", "string_control") for control in "\x1b\u202a\u2069"),
        *(
            (text, "string_invisible")
            for text in ("\u200b", "\u2060\ufeff", "\u3164 \ufe0f", "\U000e0020")
        ),
    ],
)
def test_name_with_controls_or_without_a_visible_character_is_refused(name: str, kind: str) -> None:
    assert error_of(NAME, name) == kind
    assert STORED_NAME.validate_python(name) == name


@pytest.mark.parametrize("name", ["\u200fעדה", "a\u200db", "❤\ufe0f", "à", "\U0001fa77"])
def test_name_may_have_invisible_characters_beside_a_visible_one(name: str) -> None:
    assert NAME.validate_python(name) == name


@pytest.mark.parametrize(
    ("sent", "trimmed"),
    [
        ("Ada", "Ada"),
        ("  Ada Lovelace\t\n", "Ada Lovelace"),
        ("\N{IDEOGRAPHIC SPACE}Ada\N{NO-BREAK SPACE}", "Ada"),
        (" " + "a" * 120 + " ", "a" * 120),
        ("\N{GRINNING FACE}" * 120, "\N{GRINNING FACE}" * 120),
    ],
)
def test_name_is_trimmed_before_it_is_measured(sent: str, trimmed: str) -> None:
    assert NAME.validate_python(sent) == trimmed


@pytest.mark.parametrize("blank", ["", " \t\r\n ", "\N{IDEOGRAPHIC SPACE}", "\u2028"])
def test_blank_name_is_refused(blank: str) -> None:
    assert error_of(NAME, blank) == "string_too_short"


def test_name_of_more_than_120_characters_is_refused() -> None:
    assert error_of(NAME, "a" * 121) == "string_too_long"
