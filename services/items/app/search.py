"""The text that a search looks in, and the form in which it is looked for."""

from chassis.web.fields import fold


def searchable(text: str) -> str:
    """Folded, and on one line: a search can't reach across the end of a name."""
    return fold(text).replace("\n", " ")


def search_text(name: str, description: str | None) -> str:
    return "\n".join(searchable(text) for text in (name, description or ""))
