"""The normal form of text that searches compare."""

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
def test_searchable_ignores_case_and_composition(one: str, other: str) -> None:
    assert searchable(one) == searchable(other)


def test_search_text_contains_name_and_description() -> None:
    text = search_text("Lamp", "Of brass")
    assert searchable("Lamp") in text
    assert searchable("of BRASS") in text


@pytest.mark.parametrize("term", ["p\nO", "p O", "\n"])
def test_search_can_not_match_across_name_and_description(term: str) -> None:
    assert searchable(term) not in search_text("Lamp", "Of-brass")
