"""Breaking edits of consumers."""

from gate.edits.edit import (
    BREAKS_MAILER,
    BREAKS_SHOP,
    CLIENT,
    MAILER,
    MAILER_TEST,
    SHOP_TEST,
    Edit,
    client,
)

CONSUMERS = (
    client(
        "the client asks another path",
        "The consumer tests of shop fail",
        ('f"/books/{book_id}"', 'f"/titles/{book_id}"'),
    ),
    client(
        "the client sends no token",
        "The consumer tests of shop fail",
        (", headers=self._headers", ""),
    ),
    client(
        "the client sends another token scheme",
        "The consumer tests of shop fail",
        ('f"Bearer {token}"', 'f"Token {token}"'),
    ),
    client(
        "the client sends another quantity",
        "The consumer tests of shop fail",
        ('"quantity": quantity', '"quantity": quantity + 1'),
    ),
    client(
        "the client renames a field of its order",
        "The consumer tests of shop fail",
        ('"quantity": quantity', '"amount": quantity'),
    ),
    client(
        "the client adds a query parameter",
        "The consumer tests of shop fail",
        ('"limit": str(limit)', '"limit": str(limit), "sort": "title"'),
    ),
    client(
        "the client puts an order",
        "The consumer tests of shop fail",
        ('"POST", "/orders/"', '"PUT", "/orders/"'),
    ),
    client(
        "the client reads a new field",
        "The consumer tests of shop fail",
        ("    is_available: bool\n", "    is_available: bool\n    author: str\n"),
    ),
    client(
        "the client doesn't know 404",
        "The consumer tests of shop fail",
        ("response.status_code == 404", "response.status_code == 410"),
    ),
    client(
        "the client forbids extra fields",
        "The consumer tests of shop fail",
        ("class Book(BaseModel):", "class Book(BaseModel, extra='forbid'):"),
    ),
    Edit(
        "the mailer reads a new field",
        ((MAILER, ("    price_cents: int\n", "    price_cents: int\n    author: str\n")),),
        "The consumer tests of mailer fail",
    ),
    Edit(
        "the mailer expects another type",
        ((MAILER, ('"book.added"', '"book.created"')),),
        "The consumer tests of mailer fail",
    ),
    Edit(
        "shop and its test read a new field",
        (
            (CLIENT, ("    is_available: bool\n", "    is_available: bool\n    author: str\n")),
            (
                SHOP_TEST,
                ('"is_available": True,', '"is_available": True,\n        "author": "Jane",'),
            ),
        ),
        BREAKS_SHOP + "an available book",
    ),
    Edit(
        "shop and its test ask another path",
        (
            (CLIENT, ('f"/books/{book_id}"', 'f"/titles/{book_id}"')),
            (SHOP_TEST, ('"/books/7"', '"/titles/7"')),
        ),
        BREAKS_SHOP + "an available book",
    ),
    Edit(
        "shop and its test send more than the maximum",
        (
            (
                SHOP_TEST,
                ("client.order(7, 2)", "client.order(7, 11)"),
                ('"quantity": 2}', '"quantity": 11}'),
                ("quantity=2)", "quantity=11)"),
                ("== (2,", "== (11,"),
            ),
        ),
        BREAKS_SHOP + "an order",
    ),
    Edit(
        "a test expects another state",
        ((SHOP_TEST, ('state("no book", id=7)', 'state("a lost book", id=7)')),),
        "catalog has no state `a lost book`",
    ),
    Edit(
        "a test expects a server error",
        ((SHOP_TEST, ("response=Response(status=404)", "response=Response(status=500)")),),
        "a contract can't contain the status 500",
    ),
    Edit(
        "mailer and its test expect another type",
        (
            (MAILER, ('"book.added"', '"book.created"')),
            (MAILER_TEST, ('"book.added"', '"book.created"')),
        ),
        BREAKS_MAILER + "the event of a new book",
    ),
)
