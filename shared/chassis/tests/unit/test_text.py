"""`Text` and `Name`."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chassis.web.fields import Name, Text

TEXT: TypeAdapter[str] = TypeAdapter(Text)
NAME: TypeAdapter[str] = TypeAdapter(Name)
BLANKS = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"
NO_BLANKS = "\x08\x0e\x1c\x1f\u180e\u200b\u2060\ufeff"  # some of them are to other languages' `\\s`


def mistake(adapter: TypeAdapter[str], value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(value)
    (problem,) = caught.value.errors()
    return problem["type"]


def is_accepted(adapter: TypeAdapter[str], text: str) -> bool:
    with suppress(ValidationError):
        adapter.validate_python(text)
        return True
    return False


def matches_what_is_published(adapter: TypeAdapter[str], text: str) -> bool:
    schema = adapter.json_schema()
    assert not {"minLength", "maxLength"} & set(schema)
    return re.search(schema["pattern"], text) is not None


def names() -> st.SearchStrategy[str]:
    """Texts around the limits: blanks of all kinds outside, up to 122 characters inside."""
    blanks = st.text(st.sampled_from(BLANKS + NO_BLANKS), max_size=3)
    inside = st.sampled_from(["", "a", "a\0a", "a" * 119, "a" * 120, "a" * 121])
    return st.builds("{}{}{}".format, blanks, inside, blanks)


class TestText:
    @given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
    def test_whatever_both_databases_store_is_kept_as_it_is(self, text: str) -> None:
        assert TEXT.validate_python(text) == text

    @pytest.mark.parametrize("text", ["\0", "a\0b", "a\0"])
    def test_a_nul_is_refused(self, text: str) -> None:
        assert mistake(TEXT, text) == "string_nul"

    @pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\udc00\ud800"])
    def test_a_lone_surrogate_is_refused(self, text: str) -> None:
        assert mistake(TEXT, text) == "string_unicode"

    def test_a_pair_of_surrogates_in_json_is_the_character_that_it_means(self) -> None:
        assert TEXT.validate_json(r'"\ud83d\ude00"') == "\N{GRINNING FACE}"

    @given(st.text(st.sampled_from("a\0\n"), max_size=4))
    def test_the_published_pattern_is_the_rule(self, text: str) -> None:
        assert is_accepted(TEXT, text) == matches_what_is_published(TEXT, text)


class TestName:
    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("Ada", "Ada"),
            ("  Ada Lovelace\t\n", "Ada Lovelace"),
            ("\N{IDEOGRAPHIC SPACE}Ada\N{NO-BREAK SPACE}", "Ada"),
            ("a" * 120, "a" * 120),
            (" " + "a" * 120 + " ", "a" * 120),
            ("\N{GRINNING FACE}" * 120, "\N{GRINNING FACE}" * 120),
        ],
    )
    def test_the_space_around_it_is_trimmed_before_it_is_measured(
        self, sent: str, kept: str
    ) -> None:
        assert NAME.validate_python(sent) == kept

    @pytest.mark.parametrize("blank", ["", " ", " \t\r\n ", "\N{IDEOGRAPHIC SPACE}", "\u2028"])
    def test_a_blank_one_is_refused(self, blank: str) -> None:
        assert mistake(NAME, blank) == "string_too_short"

    def test_one_with_more_than_120_characters_is_refused(self) -> None:
        assert mistake(NAME, "a" * 121) == "string_too_long"

    @pytest.mark.parametrize(
        ("text", "kind"),
        [("a\0", "string_nul"), ("\0", "string_nul"), ("a\ud800", "string_unicode")],
    )
    def test_what_a_database_can_not_store_is_refused(self, text: str, kind: str) -> None:
        assert mistake(NAME, text) == kind

    @given(names())
    def test_the_published_pattern_is_the_rule(self, text: str) -> None:
        assert is_accepted(NAME, text) == matches_what_is_published(NAME, text)
