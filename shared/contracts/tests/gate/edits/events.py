"""Breaking edits of events."""

from gate.edits.edit import BREAKS_MAILER, catalog

EVENTS = (
    catalog(
        "the event type is renamed",
        BREAKS_MAILER + "the event of a new book",
        ('"type": "book.added"', '"type": "book.created"'),
    ),
    catalog(
        "the event type is under another key",
        BREAKS_MAILER + "the event of a new book",
        ('"type": "book.added"', '"event": "book.added"'),
    ),
    catalog(
        "the event has no title",
        BREAKS_MAILER + "the event of a new book",
        ('"title": book.title, ', ""),
    ),
    catalog(
        "the event has the price as text",
        BREAKS_MAILER + "the event of a new book",
        ('"price_cents": book.price_cents', '"price_cents": str(book.price_cents)'),
    ),
    catalog(
        "the event has the price in euros",
        BREAKS_MAILER + "the event of a new book",
        ('"price_cents": book.price_cents', '"price_cents": book.price_cents / 100'),
    ),
    catalog(
        "the event has a null price",
        BREAKS_MAILER + "the event of a new book",
        ('"price_cents": book.price_cents', '"price_cents": None'),
    ),
    catalog(
        "the event has another key for the id",
        BREAKS_MAILER + "the event of a book that is sold out",
        ('"data": {"book_id": book.id}', '"data": {"id": book.id}'),
    ),
    catalog(
        "the event has the id as text",
        BREAKS_MAILER + "the event of a book that is sold out",
        ('"data": {"book_id": book.id}', '"data": {"book_id": str(book.id)}'),
    ),
    catalog(
        "the event has flat data",
        BREAKS_MAILER + "the event of a new book",
        ('"version": 1, "data": data}', '"version": 1} | data'),
    ),
    catalog(
        "the event is sent without data",
        BREAKS_MAILER + "the event of a book that is sold out",
        (', "data": {"book_id": book.id}', ""),
    ),
    catalog(
        "the sold-out event is the new-book event",
        BREAKS_MAILER + "the event of a book that is sold out",
        ('"type": "book.sold_out"', '"type": "book.added"'),
    ),
)
