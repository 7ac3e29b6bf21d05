"""The normal form of text that searches compare."""

from chassis.db.columns import fold


def searchable(text: str) -> str:
    """Folded, and on one line, so that a search can't match across the end of a name."""
    return fold(text).replace("\n", " ")


def search_text(name: str, description: str | None) -> str:
    return "\n".join(searchable(text) for text in (name, description or ""))
