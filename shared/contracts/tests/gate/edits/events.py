"""Breaking edits of events."""

from gate.edits.edit import breaks_mailer

EVENTS = (
    breaks_mailer(
        "the event type is renamed",
        "the event of a new book",
        ('"type": "book.added"', '"type": "book.created"'),
    ),
    breaks_mailer(
        "the event type is under another key",
        "the event of a new book",
        ('"type": "book.added"', '"event": "book.added"'),
    ),
    breaks_mailer(
        "the event has no title", "the event of a new book", ('"title": book.title, ', "")
    ),
    breaks_mailer(
        "the event has the price as text",
        "the event of a new book",
        ('"price_cents": book.price_cents', '"price_cents": str(book.price_cents)'),
    ),
    breaks_mailer(
        "the event has the price in euros",
        "the event of a new book",
        ('"price_cents": book.price_cents', '"price_cents": book.price_cents / 100'),
    ),
    breaks_mailer(
        "the event has a null price",
        "the event of a new book",
        ('"price_cents": book.price_cents', '"price_cents": None'),
    ),
    breaks_mailer(
        "the event has another key for the id",
        "the event of a book that is sold out",
        ('"data": {"book_id": book.id}', '"data": {"id": book.id}'),
    ),
    breaks_mailer(
        "the event has the id as text",
        "the event of a book that is sold out",
        ('"data": {"book_id": book.id}', '"data": {"book_id": str(book.id)}'),
    ),
    breaks_mailer(
        "the event has flat data",
        "the event of a new book",
        ('"version": 1, "data": data}', '"version": 1} | data'),
    ),
    breaks_mailer(
        "the event is sent without data",
        "the event of a book that is sold out",
        (', "data": {"book_id": book.id}', ""),
    ),
    breaks_mailer(
        "the sold-out event is the new-book event",
        "the event of a book that is sold out",
        ('"type": "book.sold_out"', '"type": "book.added"'),
    ),
)
