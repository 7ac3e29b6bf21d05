"""Breaking edits of the body of a response."""

from gate.edits.edit import BREAKS_SHOP, CATALOG, Edit, alias, breaks_shop, omitted, serialized

PAPER = 'Literal["paper", "audio"]'

RESPONSES = (
    alias("title", "name", "str"),
    alias("subtitle", "sub_title", "str | None"),
    alias("price_cents", "price", "int"),
    alias("is_available", "isAvailable", "bool"),
    alias("format", "kind", PAPER),
    alias("added_at", "created_at", "datetime"),
    omitted("title", "str"),
    omitted("subtitle", "str | None"),
    omitted("price_cents", "int"),
    omitted("is_available", "bool"),
    omitted("format", PAPER),
    omitted("added_at", "datetime"),
    serialized("a text", "price_cents", "int", "str"),
    serialized("in euros", "price_cents", "int", "lambda value: value / 100"),
    serialized("negative text", "price_cents", "int", "lambda value: None, return_type=None"),
    serialized("yes or no", "is_available", "bool", 'lambda value: "yes" if value else "no"'),
    serialized("0 or 1", "is_available", "bool", "int, return_type=int"),
    serialized("inverted", "is_available", "bool", "lambda value: not value, return_type=bool"),
    serialized("in capitals", "format", PAPER, "str.upper"),
    serialized("in capitals", "title", "str", "str.upper, return_type=str"),
    serialized("empty", "title", "str", 'lambda value: "", return_type=str'),
    serialized("wrapped", "title", "str", 'lambda value: {"en": value}'),
    serialized("a day", "added_at", "datetime", "lambda value: value.date().isoformat()"),
    serialized("in epoch seconds", "added_at", "datetime", "datetime.timestamp"),
    serialized(
        "without a time zone",
        "added_at",
        "datetime",
        "lambda value: value.replace(tzinfo=None).isoformat()",
    ),
    Edit(
        "an absent subtitle is an empty text",
        (
            (
                CATALOG,
                (
                    "    subtitle: str | None\n",
                    "    subtitle: Annotated[str | None, PlainSerializer(lambda value: value or '')]\n",
                ),
            ),
        ),
        BREAKS_SHOP + "an audio book without a subtitle",
    ),
    breaks_shop(
        "the response is wrapped in data",
        "an available book",
        (
            "async def read_book(book_id: int) -> Book:",
            "async def read_book(book_id: int) -> dict[str, Book]:",
        ),
        (
            "        return store.books[book_id]\n",
            '        return {"data": store.books[book_id]}\n',
        ),
    ),
    breaks_shop(
        "absent values are left out",
        "an audio book without a subtitle",
        (
            '"/books/{book_id}", dependencies=caller',
            '"/books/{book_id}", response_model_exclude_none=True, dependencies=caller',
        ),
    ),
)
