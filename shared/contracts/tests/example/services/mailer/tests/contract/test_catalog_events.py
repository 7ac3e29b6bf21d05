"""What the mailer expects of the catalog's events."""

from typing import Any

from app.events import NewBook, SoldOut, text_of
from contracts.consumer import ExpectedProvider, read_by, typed


def event(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "data": data}


def text(catalog: ExpectedProvider, description: str, body: dict[str, Any]) -> str | None:
    with catalog.sends(
        description, given=[], body=body, content_type="application/json"
    ) as content:
        return text_of(content)


def test_event_of_a_new_book(catalog: ExpectedProvider) -> None:
    data = read_by(NewBook, book_id=7, title="Emma", price_cents=typed(1250))
    body = event("book.added", data)
    assert text(catalog, "the event of a new book", body) == "New: Emma for 12.50"


def test_event_of_a_book_that_is_sold_out(catalog: ExpectedProvider) -> None:
    body = event("book.sold_out", read_by(SoldOut, book_id=7))
    assert text(catalog, "the event of a book that is sold out", body) == "Book 7 is sold out"
