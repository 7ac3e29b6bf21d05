"""Breaking edits of lists, pages and headers."""

from gate.edits.edit import BREAKS_SHOP, catalog

LISTINGS = (
    catalog(
        "books are renamed to items",
        BREAKS_SHOP + "no books",
        ("    books: list[Book]\n", '    books: list[Book] = Field(serialization_alias="items")\n'),
    ),
    catalog(
        "books come in descending order",
        BREAKS_SHOP + "the first page of books",
        ("ids = found[:limit]", "ids = found[:limit][::-1]"),
    ),
    catalog(
        "limit is ignored",
        BREAKS_SHOP + "the first page of books",
        ("ids = found[:limit]", "ids = found"),
    ),
    catalog(
        "after_id is ignored",
        BREAKS_SHOP + "the last page of books",
        ("if book_id > after_id", "if book_id"),
    ),
    catalog(
        "after_id is inclusive",
        BREAKS_SHOP + "the last page of books",
        ("> after_id", ">= after_id"),
    ),
    catalog(
        "the next page is always null",
        BREAKS_SHOP + "the first page of books",
        ("ids[-1] if len(found) > limit else None", "None"),
    ),
    catalog(
        "the next page is never null",
        BREAKS_SHOP + "the last page of books",
        (" if len(found) > limit else None", " if ids else 0"),
    ),
    catalog(
        "a text has the next page",
        BREAKS_SHOP + "the first page of books",
        (
            "    next_after_id: int | None\n",
            "    next_after_id: Annotated[int | None, PlainSerializer(lambda value: value and str(value))]\n",
        ),
    ),
    catalog(
        "a list without a page",
        BREAKS_SHOP + "no books",
        (" = 20) -> Page:", " = 20) -> list[Book]:"),
        (
            "return Page(books=[store.books[each] for each in ids], next_after_id=next_after_id)",
            "return [store.books[each] for each in ids]",
        ),
    ),
    catalog(
        "no books are 404",
        BREAKS_SHOP + "no books",
        (
            "        ids = found[:limit]\n",
            '        if not found:\n            raise HTTPException(404, "none")\n        ids = found[:limit]\n',
        ),
    ),
    catalog(
        "audio books are left out",
        BREAKS_SHOP + "the first page of books",
        (
            "if book_id > after_id)",
            "if book_id > after_id and store.books[book_id].format == 'paper')",
        ),
    ),
    catalog(
        "an order has no path",
        BREAKS_SHOP + "an order",
        ('        response.headers["Location"] = f"/orders/{order.id}"\n', ""),
    ),
    catalog(
        "the path of an order is a URL",
        BREAKS_SHOP + "an order",
        ('f"/orders/{order.id}"', 'f"https://catalog.example/orders/{order.id}"'),
    ),
    catalog(
        "an order is without its quantity",
        BREAKS_SHOP + "an order",
        (
            "    book_id: int\n    quantity: int\n\n\n@",
            "    book_id: int\n    quantity: int = Field(exclude=True)\n\n\n@",
        ),
    ),
)
