"""The mailer turns events of the catalog into messages to readers."""

from pydantic import BaseModel


class NewBook(BaseModel):
    book_id: int
    title: str
    price_cents: int


class SoldOut(BaseModel):
    book_id: int


class Event(BaseModel):
    type: str
    data: dict[str, object]


def text_of(content: bytes) -> str | None:
    """The text to send; None for an event that concerns nobody."""
    event = Event.model_validate_json(content)
    match event.type:
        case "book.added":
            book = NewBook.model_validate(event.data)
            return f"New: {book.title} for {book.price_cents / 100:.2f}"
        case "book.sold_out":
            return f"Book {SoldOut.model_validate(event.data).book_id} is sold out"
    return None
