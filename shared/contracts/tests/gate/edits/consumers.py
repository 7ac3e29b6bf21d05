"""Breaking edits of consumers."""

from gate.edits.edit import (
    BREAKS_MAILER,
    BREAKS_SHOP,
    CLIENT,
    MAILER,
    MAILER_TEST,
    SHOP_TEST,
    Edit,
    failing_client,
)

CONSUMERS = (
    failing_client("the client asks another path", ('f"/books/{book_id}"', 'f"/titles/{book_id}"')),
    failing_client("the client sends no token", (", headers=self._headers", "")),
    *(
        Edit(
            f"the client begins to send {what}",
            ((CLIENT, ('f"Bearer {token}"}', f'f"Bearer {{token}}", {header}}}')),),
            f"has the header `{declaration}`: add it to the `Request`",
        )
        for what, header, declaration in (
            ("a precondition", '"If-None-Match": "*"', "if-none-match: *"),
            ("what it accepts", '"Accept": "application/xml"', "accept: application/xml"),
        )
    ),
    Edit(
        "the client begins to send a body",
        ((CLIENT, ('f"/orders/{order_id}")', 'f"/orders/{order_id}", json={})')),),
        "DELETE /orders/4 has a body: add it to the `Request`",
    ),
    failing_client(
        "the client sends another token scheme", ('f"Bearer {token}"', 'f"Token {token}"')
    ),
    failing_client(
        "the client sends another quantity", ('"quantity": quantity', '"quantity": quantity + 1')
    ),
    failing_client(
        "the client renames a field of its order", ('"quantity": quantity', '"amount": quantity')
    ),
    failing_client(
        "the client adds a query parameter",
        ('"limit": str(limit)', '"limit": str(limit), "sort": "title"'),
    ),
    failing_client("the client puts an order", ('"POST", "/orders/"', '"PUT", "/orders/"')),
    failing_client(
        "the client reads a new field",
        ("    is_available: bool\n", "    is_available: bool\n    author: str\n"),
    ),
    failing_client(
        "the client doesn't know 404",
        ("response.status_code == 404", "response.status_code == 410"),
    ),
    failing_client(
        "the client forbids extra fields",
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
