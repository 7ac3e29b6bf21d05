"""Breaking edits of statuses."""

from gate.edits.edit import BREAKS_SHOP, catalog

STATUSES = (
    catalog(
        "an unknown book is 200 with null",
        BREAKS_SHOP + "an unknown book",
        ("-> Book:\n", "-> Book | None:\n"),
        (
            '            raise HTTPException(404, "book_not_found")\n        return store.books[book_id]',
            "            return None\n        return store.books[book_id]",
        ),
    ),
    catalog(
        "an unknown book is 410",
        BREAKS_SHOP + "an unknown book",
        ('404, "book_not', '410, "book_not'),
    ),
    catalog(
        "an expired token is 403",
        BREAKS_SHOP + "a book with an expired token",
        ('401, "un', '403, "un'),
    ),
    catalog(
        "an expired token is 404",
        BREAKS_SHOP + "a book with an expired token",
        ('401, "un', '404, "un'),
    ),
    catalog(
        "tokens are no longer checked",
        BREAKS_SHOP + "a book with an expired token",
        ('            raise HTTPException(401, "unauthorized")', "            pass"),
    ),
    catalog("an order is 200", BREAKS_SHOP + "an order", ("status_code=201", "status_code=200")),
    catalog("an order is 202", BREAKS_SHOP + "an order", ("status_code=201", "status_code=202")),
    catalog(
        "a conflict is 422",
        BREAKS_SHOP + "an order of a book",
        ("HTTPException(409", "HTTPException(422"),
    ),
    catalog(
        "a book that is not available can be ordered",
        BREAKS_SHOP + "an order of a book that is not available",
        ("if not store.books[new.book_id].is_available", "if False"),
    ),
    catalog(
        "a cancellation is 200",
        BREAKS_SHOP + "the cancellation of an order",
        ("status_code=204", "status_code=200"),
    ),
    catalog(
        "an unknown cancellation is 204",
        BREAKS_SHOP + "the cancellation of an unknown order",
        ('            raise HTTPException(404, "order_not_found")', "            return"),
    ),
)
