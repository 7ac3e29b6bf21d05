"""Edits that break nobody."""

from gate.edits.edit import MAILER, MAILER_TEST, SHOP_TEST, Edit, catalog, client
from gate.edits.typed import STILL_TYPED

HARMLESS = (
    *STILL_TYPED,
    catalog(
        "a response has one more field",
        ("    is_available: bool\n", "    is_available: bool\n    pages: int = 320\n"),
    ),
    catalog(
        "an event has more data",
        ('"data": {"book_id": book.id}', '"data": {"book_id": book.id, "reason": "season"}'),
    ),
    catalog(
        "an event has one more attribute",
        ('{"type": "book.added"', '{"source": "/catalog", "type": "book.added"'),
    ),
    catalog(
        "an event has another version", ('"version": 1, "data": data', '"version": 2, "data": data')
    ),
    catalog(
        "an order has an optional field",
        ("le=10)\n", "le=10)\n    note: str | None = None\n"),
        ("**new.model_dump())", "**new.model_dump(exclude={'note'}))"),
    ),
    catalog("an order may have more books", ("ge=1, le=10", "ge=1, le=100")),
    catalog(
        "there is one more optional query parameter",
        ("(after_id: int = 0,", "(shelf: str | None = None, after_id: int = 0,"),
    ),
    catalog("pages may be larger", ("Query(le=100)", "Query(le=500)")),
    catalog(
        "there is one more route",
        (
            "    return app\n",
            '    @app.get("/health")\n    async def health() -> str:\n        return "ok"\n\n    return app\n',
        ),
    ),
    catalog(
        "there is one more response header",
        (
            '        response.headers["Location"]',
            '        response.headers["X-Order"] = "1"\n        response.headers["Location"]',
        ),
    ),
    catalog("an error has another text", ('404, "book_not_found"', '404, "there is no such book"')),
    catalog(
        "fields have another order",
        ("    id: int\n    title: str\n", "    title: str\n    id: int\n"),
    ),
    catalog(
        "functions have other names", ("read_book", "get_book"), ("signed_in", "authenticated")
    ),
    catalog("the model of an order has another name", ("NewOrder", "OrderRequest")),
    catalog(
        "the price is another one",
        ("class Order(BaseModel)", "PRICE = 1\n\n\nclass Order(BaseModel)"),
    ),
    catalog(
        "a field is described",
        ("    title: str\n", '    title: str = Field(description="As printed on the cover")\n'),
    ),
    catalog(
        "a field is deprecated in the description",
        ("    price_cents: int\n", "    price_cents: int = Field(deprecated='soon')\n"),
    ),
    catalog("one more status is described", ("401: {}, 404: {}", "401: {}, 404: {}, 503: {}")),
    catalog(
        "a field that nobody reads is removed",
        (
            "    book_id: int\n    quantity: int\n\n\n@",
            "    book_id: int = Field(exclude=True)\n    quantity: int\n\n\n@",
        ),
    ),
    client("the client has other names inside", ("_headers", "_sent_headers")),
    client(
        "the client has one more method",
        (
            "    async def cancel",
            "    async def cancel_all(self) -> None:\n        return None\n\n    async def cancel",
        ),
    ),
    client(
        "the client reads an optional field",
        ("    is_available: bool\n", "    is_available: bool\n    pages: int | None = None\n"),
    ),
    Edit(
        "a test has another name",
        ((SHOP_TEST, ("test_unknown_book_is_none", "test_book_of_an_unknown_id")),),
    ),
    Edit(
        "the mailer writes another text",
        ((MAILER, ('f"New: {book', 'f"New:  {book')), (MAILER_TEST, ('"New: Emma', '"New:  Emma'))),
    ),
    Edit(
        "the mailer ignores one more type",
        (
            (
                MAILER,
                (
                    "    return None\n",
                    '        case "book.lost":\n            return None\n    return None\n',
                ),
            ),
        ),
    ),
    Edit(
        "the mailer reads less",
        (
            (MAILER, ("    price_cents: int\n", ""), (" for {book.price_cents / 100:.2f}", "")),
            (MAILER_TEST, (", price_cents=typed(1250)", ""), (" for 12.50", "")),
        ),
    ),
    Edit(
        "the shop has a new route",
        (
            (
                "shop/app/main.py",
                (
                    "    return app\n",
                    '    @app.get("/books")\n    async def books() -> None:\n        pass\n\n    return app\n',
                ),
            ),
        ),
    ),
)
