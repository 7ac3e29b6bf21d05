"""Breaking edits of statuses."""

from gate.edits.edit import breaks_shop

STATUSES = (
    breaks_shop(
        "an unknown book is 200 with null",
        "an unknown book",
        ("-> Book:\n", "-> Book | None:\n"),
        (
            '            raise HTTPException(404, "book_not_found")\n        return store.books[book_id]',
            "            return None\n        return store.books[book_id]",
        ),
    ),
    breaks_shop("an unknown book is 410", "an unknown book", ('404, "book_not', '410, "book_not')),
    breaks_shop(
        "an expired token is 403", "a book with an expired token", ('401, "un', '403, "un')
    ),
    breaks_shop(
        "an expired token is 404", "a book with an expired token", ('401, "un', '404, "un')
    ),
    breaks_shop(
        "tokens are no longer checked",
        "a book with an expired token",
        ('            raise HTTPException(401, "unauthorized")', "            pass"),
    ),
    breaks_shop("an order is 200", "an order", ("status_code=201", "status_code=200")),
    breaks_shop("an order is 202", "an order", ("status_code=201", "status_code=202")),
    breaks_shop(
        "a conflict is 422", "an order of a book", ("HTTPException(409", "HTTPException(422")
    ),
    breaks_shop(
        "a book that is not available can be ordered",
        "an order of a book that is not available",
        ("if not store.books[new.book_id].is_available", "if False"),
    ),
    breaks_shop(
        "a cancellation is 200",
        "the cancellation of an order",
        ("status_code=204", "status_code=200"),
    ),
    breaks_shop(
        "an unknown cancellation is 204",
        "the cancellation of an unknown order",
        ('            raise HTTPException(404, "order_not_found")', "            return"),
    ),
)
