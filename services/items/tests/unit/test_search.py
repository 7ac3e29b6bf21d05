"""The normal form of text that searches compare. The chassis tests how text is folded."""

import pytest

from app.repositories.items import search_text, searchable


@pytest.mark.parametrize("term", ["LAMP", "of brass"])
def test_search_text_contains_name_and_description(term: str) -> None:
    assert searchable(term) in search_text("Lamp", "Of\nbrass")


@pytest.mark.parametrize("term", ["p\nO", "p O", "\n"])
def test_search_cannot_match_across_name_and_description(term: str) -> None:
    assert searchable(term) not in search_text("Lamp", "Of-brass")
