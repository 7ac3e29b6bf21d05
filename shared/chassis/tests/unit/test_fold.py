import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.db.columns import fold

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "ADA"),
        ("straße", "STRASSE"),
        ("Ünal", "u\N{COMBINING DIAERESIS}nal"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("\N{LATIN SMALL LIGATURE FI}", "FI"),
        ("\N{ANGSTROM SIGN}", "å"),
        ("ДА", "да"),
    ],
)
def test_texts_that_differ_in_case_or_composition_fold_to_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("resume", "résumé"), ("i", "ı"), ("a", "а")])  # noqa: RUF001
def test_texts_of_other_letters_stay_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(TEXTS)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(TEXTS)
def test_how_a_text_is_composed_does_not_matter(text: str) -> None:
    assert fold(unicodedata.normalize("NFD", text)) == fold(text)


@given(TEXTS)
def test_how_a_text_is_cased_does_not_matter(text: str) -> None:
    assert fold(unicodedata.normalize("NFC", text).casefold()) == fold(text)


@given(TEXTS)
def test_the_folded_text_is_composed(text: str) -> None:
    assert unicodedata.is_normalized("NFC", fold(text))
