"""Breaking edits of what a request needs."""

from gate.edits.edit import BREAKS_SHOP, catalog

REQUESTS = (
    catalog(
        "the path of a book is new",
        BREAKS_SHOP + "an available book",
        ('"/books/{book_id}"', '"/titles/{book_id}"'),
    ),
    catalog("the path of orders is new", BREAKS_SHOP + "an order", ('"/orders/"', '"/purchases/"')),
    catalog(
        "orders are put", BREAKS_SHOP + "an order", ('app.post("/orders/"', 'app.put("/orders/"')
    ),
    catalog(
        "cancellations are posted", BREAKS_SHOP + "the cancellation", ("app.delete(", "app.post(")
    ),
    catalog(
        "quantity is renamed",
        BREAKS_SHOP + "an order",
        ("    quantity: int = Field(ge=1, le=10)", "    amount: int = Field(ge=1, le=10)"),
        ("**new.model_dump())", "book_id=new.book_id, quantity=new.amount)"),
    ),
    catalog(
        "an order needs an address",
        BREAKS_SHOP + "an order",
        ("le=10)\n", "le=10)\n    address: str\n"),
    ),
    catalog(
        "an order has at most one book", BREAKS_SHOP + "an order", ("ge=1, le=10", "ge=1, le=1")
    ),
    catalog(
        "an order is a form",
        BREAKS_SHOP + "an order",
        ("create_order(new: NewOrder,", "create_order(new: Annotated[NewOrder, Query()],"),
    ),
    catalog(
        "a header is required",
        BREAKS_SHOP + "an available book",
        (
            "(authorization: Annotated[str, Header()])",
            "(authorization: Annotated[str, Header()], x_client: Annotated[str, Header()])",
        ),
    ),
    catalog(
        "another header has the token",
        BREAKS_SHOP + "an available book",
        (
            "authorization: Annotated[str, Header()]",
            'authorization: Annotated[str, Header(alias="X-Token")]',
        ),
    ),
    catalog("another token scheme", BREAKS_SHOP + "an available book", ('"Bearer "', '"Token "')),
    catalog(
        "after_id is renamed",
        BREAKS_SHOP + "the last page of books",
        ("after_id: int = 0", 'after_id: Annotated[int, Query(alias="cursor")] = 0'),
    ),
    catalog(
        "limit is renamed",
        BREAKS_SHOP + "the first page of books",
        ("Query(le=100)", 'Query(le=100, alias="size")'),
    ),
    catalog(
        "limit has a minimum", BREAKS_SHOP + "no books", ("Query(le=100)", "Query(ge=10, le=100)")
    ),
    catalog(
        "a query parameter is required",
        BREAKS_SHOP + "no books",
        ("(after_id: int = 0,", "(shelf: str, after_id: int = 0,"),
    ),
)
