import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.db.columns import fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "ADA"),
        ("straße", "STRASSE"),
        ("Ünal", "u\N{COMBINING DIAERESIS}nal"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("\N{ANGSTROM SIGN}", "å"),
        ("ДА", "да"),
    ],
)
def test_texts_that_differ_in_case_or_composition_are_equal(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("resume", "résumé"), ("i", "ı"), ("a", "а")])  # noqa: RUF001
def test_texts_of_other_letters_differ(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_folded_text_does_not_depend_on_case_and_composition(text: str) -> None:
    folded = fold(text)
    assert unicodedata.is_normalized("NFC", folded)
    assert fold(folded) == folded
    assert fold(unicodedata.normalize("NFD", text)) == folded
    assert fold(unicodedata.normalize("NFC", text).casefold()) == folded
