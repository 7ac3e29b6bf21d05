"""What a search compares."""

import pytest

from app.search import search_text, searchable


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("LAMP", "lamp"),
        ("STRASSE", "straße"),
        ("ÄRGER", "ärger"),
        ("a\u0308rger", "ärger"),
        ("ЖУК", "жук"),
        ("ΟΔΟΣ", "οδος"),
        ("two\nlines", "two lines"),
    ],
)
def test_searchable_is_the_same_for_texts_that_differ_in_case_or_composition(
    one: str, other: str
) -> None:
    assert searchable(one) == searchable(other)


def test_search_text_holds_the_name_and_the_description() -> None:
    text = search_text("Lamp", "Of brass")
    assert searchable("Lamp") in text
    assert searchable("of BRASS") in text


@pytest.mark.parametrize("term", ["p\nO", "p O", "\n"])
def test_search_text_has_nothing_that_reaches_from_the_name_into_the_description(term: str) -> None:
    assert searchable(term) not in search_text("Lamp", "Of-brass")
