"""Breaking edits of lists, pages and headers."""

from gate.edits.edit import breaks_shop

LISTINGS = (
    breaks_shop(
        "books are renamed to items",
        "no books",
        ("    books: list[Book]\n", '    books: list[Book] = Field(serialization_alias="items")\n'),
    ),
    breaks_shop(
        "books come in descending order",
        "the first page of books",
        ("ids = found[:limit]", "ids = found[:limit][::-1]"),
    ),
    breaks_shop(
        "limit is ignored", "the first page of books", ("ids = found[:limit]", "ids = found")
    ),
    breaks_shop(
        "after_id is ignored", "the last page of books", ("if book_id > after_id", "if book_id")
    ),
    breaks_shop("after_id is inclusive", "the last page of books", ("> after_id", ">= after_id")),
    breaks_shop(
        "the next page is always null",
        "the first page of books",
        ("ids[-1] if len(found) > limit else None", "None"),
    ),
    breaks_shop(
        "the next page is never null",
        "the last page of books",
        (" if len(found) > limit else None", " if ids else 0"),
    ),
    breaks_shop(
        "a text has the next page",
        "the first page of books",
        (
            "    next_after_id: int | None\n",
            "    next_after_id: Annotated[int | None, PlainSerializer(lambda value: value and str(value))]\n",
        ),
    ),
    breaks_shop(
        "a list without a page",
        "no books",
        (" = 20) -> Page:", " = 20) -> list[Book]:"),
        (
            "return Page(books=[store.books[each] for each in ids], next_after_id=next_after_id)",
            "return [store.books[each] for each in ids]",
        ),
    ),
    breaks_shop(
        "no books are 404",
        "no books",
        (
            "        ids = found[:limit]\n",
            '        if not found:\n            raise HTTPException(404, "none")\n        ids = found[:limit]\n',
        ),
    ),
    breaks_shop(
        "audio books are left out",
        "the first page of books",
        (
            "if book_id > after_id)",
            "if book_id > after_id and store.books[book_id].format == 'paper')",
        ),
    ),
    breaks_shop(
        "an order has no path",
        "an order",
        ('        response.headers["Location"] = f"/orders/{order.id}"\n', ""),
    ),
    breaks_shop(
        "the path of an order is a URL",
        "an order",
        ('f"/orders/{order.id}"', 'f"https://catalog.example/orders/{order.id}"'),
    ),
    breaks_shop(
        "an order is without its quantity",
        "an order",
        (
            "    book_id: int\n    quantity: int\n\n\n@",
            "    book_id: int\n    quantity: int = Field(exclude=True)\n\n\n@",
        ),
    ),
)
