"""Breaking edits of what a request needs."""

from gate.edits.edit import breaks_shop

REQUESTS = (
    breaks_shop(
        "the path of a book is new",
        "an available book",
        ('"/books/{book_id}"', '"/titles/{book_id}"'),
    ),
    breaks_shop("the path of orders is new", "an order", ('"/orders/"', '"/purchases/"')),
    breaks_shop("orders are put", "an order", ('app.post("/orders/"', 'app.put("/orders/"')),
    breaks_shop("cancellations are posted", "the cancellation", ("app.delete(", "app.post(")),
    breaks_shop(
        "quantity is renamed",
        "an order",
        ("    quantity: int = Field(ge=1, le=10)", "    amount: int = Field(ge=1, le=10)"),
        ("**new.model_dump())", "book_id=new.book_id, quantity=new.amount)"),
    ),
    breaks_shop(
        "an order needs an address", "an order", ("le=10)\n", "le=10)\n    address: str\n")
    ),
    breaks_shop("an order has at most one book", "an order", ("ge=1, le=10", "ge=1, le=1")),
    breaks_shop(
        "an order is a form",
        "an order",
        ("create_order(new: NewOrder,", "create_order(new: Annotated[NewOrder, Query()],"),
    ),
    breaks_shop(
        "a header is required",
        "an available book",
        (
            "(authorization: Annotated[str, Header()])",
            "(authorization: Annotated[str, Header()], x_client: Annotated[str, Header()])",
        ),
    ),
    breaks_shop(
        "another header has the token",
        "an available book",
        (
            "authorization: Annotated[str, Header()]",
            'authorization: Annotated[str, Header(alias="X-Token")]',
        ),
    ),
    breaks_shop("another token scheme", "an available book", ('"Bearer "', '"Token "')),
    breaks_shop(
        "after_id is renamed",
        "the last page of books",
        ("after_id: int = 0", 'after_id: Annotated[int, Query(alias="cursor")] = 0'),
    ),
    breaks_shop(
        "limit is renamed",
        "the first page of books",
        ("Query(le=100)", 'Query(le=100, alias="size")'),
    ),
    breaks_shop("limit has a minimum", "no books", ("Query(le=100)", "Query(ge=10, le=100)")),
    breaks_shop(
        "a query parameter is required",
        "no books",
        ("(after_id: int = 0,", "(shelf: str, after_id: int = 0,"),
    ),
)
