"""The edits, as data: which text of the example changes, and what the gate says."""

from dataclasses import dataclass

CATALOG = "catalog/app/main.py"
CLIENT = "shop/app/catalog.py"
SHOP_TEST = "shop/tests/contract/test_catalog.py"
MAILER = "mailer/app/events.py"
MAILER_TEST = "mailer/tests/contract/test_catalog_events.py"
BREAKS_SHOP = "catalog breaks shop: "
BREAKS_MAILER = "catalog breaks mailer: "

Change = tuple[str, *tuple[tuple[str, str], ...]]
"""A file, and old and new texts in it."""


@dataclass(frozen=True)
class Edit:
    name: str
    changes: tuple[Change, ...]
    message: str = ""
    """Part of what the gate prints."""
    is_lockstep: bool = False
    """Both sides change in one commit, so only `can-i-deploy` can see it."""


def catalog(name: str, message: str, *changes: tuple[str, str]) -> Edit:
    return Edit(name, ((CATALOG, *changes),), message)


def field(name: str, old: str, new: str, message: str = BREAKS_SHOP + "an available book") -> Edit:
    """A change of a field of `Book`."""
    return catalog(name, message, (f"    {old}\n", f"    {new}\n"))


def alias(name: str, new: str, kind: str) -> Edit:
    renamed = f'{name}: {kind} = Field(serialization_alias="{new}")'
    return field(f"{name} is renamed to {new}", f"{name}: {kind}", renamed)


def omitted(name: str, kind: str) -> Edit:
    return field(f"{name} is omitted", f"{name}: {kind}", f"{name}: {kind} = Field(exclude=True)")


def serialized(what: str, name: str, kind: str, serializer: str) -> Edit:
    new = f"{name}: Annotated[{kind}, PlainSerializer({serializer})]"
    return field(f"{name} is {what}", f"{name}: {kind}", new)


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
    catalog(
        "the response is wrapped in data",
        BREAKS_SHOP + "an available book",
        ("async def read_book(book_id: int) -> Book:", "async def read_book(book_id: int) -> dict[str, Book]:"),
        ("        return store.books[book_id]\n", '        return {"data": store.books[book_id]}\n'),
    ),
    catalog(
        "absent values are left out",
        BREAKS_SHOP + "an audio book without a subtitle",
        (
            '"/books/{book_id}", dependencies=caller',
            '"/books/{book_id}", response_model_exclude_none=True, dependencies=caller',
        ),
    ),
)

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
    catalog("an unknown book is 410", BREAKS_SHOP + "an unknown book", ("404, \"book_not", "410, \"book_not")),
    catalog("an expired token is 403", BREAKS_SHOP + "a book with an expired token", ("401, \"un", "403, \"un")),
    catalog("an expired token is 404", BREAKS_SHOP + "a book with an expired token", ("401, \"un", "404, \"un")),
    catalog(
        "tokens are no longer checked",
        BREAKS_SHOP + "a book with an expired token",
        ('            raise HTTPException(401, "unauthorized")', "            pass"),
    ),
    catalog("an order is 200", BREAKS_SHOP + "an order", ("status_code=201", "status_code=200")),
    catalog("an order is 202", BREAKS_SHOP + "an order", ("status_code=201", "status_code=202")),
    catalog("a conflict is 422", BREAKS_SHOP + "an order of a book", ("HTTPException(409", "HTTPException(422")),
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

REQUESTS = (
    catalog("the path of a book is new", BREAKS_SHOP + "an available book", ('"/books/{book_id}"', '"/titles/{book_id}"')),
    catalog("the path of orders is new", BREAKS_SHOP + "an order", ('"/orders/"', '"/purchases/"')),
    catalog("orders are put", BREAKS_SHOP + "an order", ('app.post("/orders/"', 'app.put("/orders/"')),
    catalog("cancellations are posted", BREAKS_SHOP + "the cancellation", ("app.delete(", "app.post(")),
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
    catalog("an order has at most one book", BREAKS_SHOP + "an order", ("ge=1, le=10", "ge=1, le=1")),
    catalog(
        "an order is a form",
        BREAKS_SHOP + "an order",
        ("create_order(new: NewOrder,", "create_order(new: Annotated[NewOrder, Query()],"),
    ),
    catalog(
        "a header is required",
        BREAKS_SHOP + "an available book",
        ("(authorization: Annotated[str, Header()])", "(authorization: Annotated[str, Header()], x_client: Annotated[str, Header()])"),
    ),
    catalog(
        "another header has the token",
        BREAKS_SHOP + "an available book",
        ("authorization: Annotated[str, Header()]", 'authorization: Annotated[str, Header(alias="X-Token")]'),
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
    catalog("limit has a minimum", BREAKS_SHOP + "no books", ("Query(le=100)", "Query(ge=10, le=100)")),
    catalog(
        "a query parameter is required",
        BREAKS_SHOP + "no books",
        ("(after_id: int = 0,", "(shelf: str, after_id: int = 0,"),
    ),
)

LISTINGS = (
    catalog("books are renamed to items", BREAKS_SHOP + "no books", ("    books: list[Book]\n", '    books: list[Book] = Field(serialization_alias="items")\n')),
    catalog("books come in descending order", BREAKS_SHOP + "the first page of books", ("ids = found[:limit]", "ids = found[:limit][::-1]")),
    catalog("limit is ignored", BREAKS_SHOP + "the first page of books", ("ids = found[:limit]", "ids = found")),
    catalog("after_id is ignored", BREAKS_SHOP + "the last page of books", ("if book_id > after_id", "if book_id")),
    catalog("after_id is inclusive", BREAKS_SHOP + "the last page of books", ("> after_id", ">= after_id")),
    catalog("the next page is always null", BREAKS_SHOP + "the first page of books", ("ids[-1] if len(found) > limit else None", "None")),
    catalog("the next page is never null", BREAKS_SHOP + "the last page of books", (" if len(found) > limit else None", " if ids else 0")),
    catalog("a text has the next page", BREAKS_SHOP + "the first page of books", ("    next_after_id: int | None\n", "    next_after_id: Annotated[int | None, PlainSerializer(lambda value: value and str(value))]\n")),
    catalog("a list without a page", BREAKS_SHOP + "no books", (" = 20) -> Page:", " = 20) -> list[Book]:"), ("return Page(books=[store.books[each] for each in ids], next_after_id=next_after_id)", "return [store.books[each] for each in ids]")),
    catalog("no books are 404", BREAKS_SHOP + "no books", ("        ids = found[:limit]\n", '        if not found:\n            raise HTTPException(404, "none")\n        ids = found[:limit]\n')),
    catalog("audio books are left out", BREAKS_SHOP + "the first page of books", ("if book_id > after_id)", "if book_id > after_id and store.books[book_id].format == 'paper')")),
    catalog("an order has no path", BREAKS_SHOP + "an order", ('        response.headers["Location"] = f"/orders/{order.id}"\n', "")),
    catalog("the path of an order is a URL", BREAKS_SHOP + "an order", ('f"/orders/{order.id}"', 'f"https://catalog.example/orders/{order.id}"')),
    catalog("an order is without its quantity", BREAKS_SHOP + "an order", ("    book_id: int\n    quantity: int\n\n\n@", "    book_id: int\n    quantity: int = Field(exclude=True)\n\n\n@")),
)

EVENTS = (
    catalog("the event type is renamed", BREAKS_MAILER + "the event of a new book", ('"type": "book.added"', '"type": "book.created"')),
    catalog("the event type is under another key", BREAKS_MAILER + "the event of a new book", ('"type": "book.added"', '"event": "book.added"')),
    catalog("the event has no title", BREAKS_MAILER + "the event of a new book", ('"title": book.title, ', "")),
    catalog("the event has the price as text", BREAKS_MAILER + "the event of a new book", ('"price_cents": book.price_cents', '"price_cents": str(book.price_cents)')),
    catalog("the event has the price in euros", BREAKS_MAILER + "the event of a new book", ('"price_cents": book.price_cents', '"price_cents": book.price_cents / 100')),
    catalog("the event has a null price", BREAKS_MAILER + "the event of a new book", ('"price_cents": book.price_cents', '"price_cents": None')),
    catalog("the event has another key for the id", BREAKS_MAILER + "the event of a book that is sold out", ('"data": {"book_id": book.id}', '"data": {"id": book.id}')),
    catalog("the event has the id as text", BREAKS_MAILER + "the event of a book that is sold out", ('"data": {"book_id": book.id}', '"data": {"book_id": str(book.id)}')),
    catalog("the event has flat data", BREAKS_MAILER + "the event of a new book", ('"version": 1, "data": data}', '"version": 1} | data')),
    catalog("the event is sent without data", BREAKS_MAILER + "the event of a book that is sold out", (', "data": {"book_id": book.id}', "")),
    catalog("the sold-out event is the new-book event", BREAKS_MAILER + "the event of a book that is sold out", ('"type": "book.sold_out"', '"type": "book.added"')),
)

DESCRIPTIONS = (
    catalog("a field may be absent, says the description", "may be absent" if False else "the description allows it to be absent", ("    title: str\n", "    title: str | None = None\n"), ("class Page(BaseModel)", "Book.model_config['json_schema_serialization_defaults_required'] = False\n\n\nclass Page(BaseModel)")),
    catalog("a format is added", "catalog: GET /books/{book_id} 200 $.format", ('Literal["paper", "audio"]', 'Literal["paper", "audio", "braille"]')),
    catalog("a response becomes nullable", "and no interaction covers that", ("    price_cents: int\n", "    price_cents: int | None\n")),
)


def client(name: str, message: str, *changes: tuple[str, str]) -> Edit:
    """A change of the consumer, without its tests."""
    return Edit(name, ((CLIENT, *changes),), message)


CONSUMERS = (
    client("the client asks another path", "The consumer tests of shop fail", ('f"/books/{book_id}"', 'f"/titles/{book_id}"')),
    client("the client sends no token", "The consumer tests of shop fail", (", headers=self._headers", "")),
    client("the client sends another token scheme", "The consumer tests of shop fail", ('f"Bearer {token}"', 'f"Token {token}"')),
    client("the client sends another quantity", "The consumer tests of shop fail", ('"quantity": quantity', '"quantity": quantity + 1')),
    client("the client renames a field of its order", "The consumer tests of shop fail", ('"quantity": quantity', '"amount": quantity')),
    client("the client adds a query parameter", "The consumer tests of shop fail", ('"limit": str(limit)', '"limit": str(limit), "sort": "title"')),
    client("the client puts an order", "The consumer tests of shop fail", ('"POST", "/orders/"', '"PUT", "/orders/"')),
    client("the client reads a new field", "The consumer tests of shop fail", ("    is_available: bool\n", "    is_available: bool\n    author: str\n")),
    client("the client doesn't know 404", "The consumer tests of shop fail", ("response.status_code == 404", "response.status_code == 410")),
    client("the client forbids extra fields", "The consumer tests of shop fail", ("class Book(BaseModel):", "class Book(BaseModel, extra='forbid'):")),
    Edit("the mailer reads a new field", ((MAILER, ("    price_cents: int\n", "    price_cents: int\n    author: str\n")),), "The consumer tests of mailer fail"),
    Edit("the mailer expects another type", ((MAILER, ('"book.added"', '"book.created"')),), "The consumer tests of mailer fail"),
    Edit(
        "shop and its test read a new field",
        (
            (CLIENT, ("    is_available: bool\n", "    is_available: bool\n    author: str\n")),
            (SHOP_TEST, ('"is_available": True,', '"is_available": True,\n        "author": "Jane",')),
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
            (SHOP_TEST, ("client.order(7, 2)", "client.order(7, 11)"), ('"quantity": 2}', '"quantity": 11}'), ("quantity=2)", "quantity=11)"), ("== (2,", "== (11,")),
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

LOCKSTEP = (
    Edit(
        "title is renamed on both sides",
        (
            (CATALOG, ("    title: str\n", '    title: str = Field(serialization_alias="name")\n')),
            (CLIENT, ("    title: Annotated", "    name: Annotated")),
            (SHOP_TEST, ('"title": "Emma"', '"name": "Emma"'), ("a_book(id=3, title=", "a_book(id=3, name="), ("(book.title,", "(book.name,")),
        ),
        "catalog as provider of the deployed shop: NO",
        is_lockstep=True,
    ),
    Edit(
        "the path of orders is renamed on both sides",
        (
            (CATALOG, ('"/orders/"', '"/purchases/"')),
            (CLIENT, ('"/orders/"', '"/purchases/"')),
            (SHOP_TEST, ('path="/orders/"', 'path="/purchases/"')),
        ),
        "shop as consumer of the deployed catalog: NO",
        is_lockstep=True,
    ),
    Edit(
        "an event type is renamed on both sides",
        (
            (CATALOG, ('"type": "book.added"', '"type": "book.created"')),
            (MAILER, ('"book.added"', '"book.created"')),
            (MAILER_TEST, ('"book.added"', '"book.created"')),
        ),
        "mailer as consumer of the deployed catalog: NO",
        is_lockstep=True,
    ),
)

BREAKING = (
    *RESPONSES,
    *STATUSES,
    *REQUESTS,
    *LISTINGS,
    *EVENTS,
    *DESCRIPTIONS,
    *CONSUMERS,
    *LOCKSTEP,
)

HARMLESS = (
    catalog("a response has one more field", "", ("    is_available: bool\n", "    is_available: bool\n    pages: int = 320\n")),
    catalog("an event has more data", "", ('"data": {"book_id": book.id}', '"data": {"book_id": book.id, "reason": "season"}')),
    catalog("an event has one more attribute", "", ('{"type": "book.added"', '{"source": "/catalog", "type": "book.added"')),
    catalog("an event has another version", "", ('"version": 1, "data": data', '"version": 2, "data": data')),
    catalog("an order has an optional field", "", ("le=10)\n", "le=10)\n    note: str | None = None\n"), ("**new.model_dump())", "book_id=new.book_id, quantity=new.quantity)")),
    catalog("an order may have more books", "", ("ge=1, le=10", "ge=1, le=100")),
    catalog("there is one more optional query parameter", "", ("(after_id: int = 0,", "(shelf: str | None = None, after_id: int = 0,")),
    catalog("pages may be larger", "", ("Query(le=100)", "Query(le=500)")),
    catalog("there is one more route", "", ("    return app\n", '    @app.get("/health")\n    async def health() -> str:\n        return "ok"\n\n    return app\n')),
    catalog("there is one more response header", "", ('        response.headers["Location"]', '        response.headers["X-Order"] = "1"\n        response.headers["Location"]')),
    catalog("an error has another text", "", ('404, "book_not_found"', '404, "there is no such book"')),
    catalog("fields have another order", "", ("    id: int\n    title: str\n", "    title: str\n    id: int\n")),
    catalog("functions have other names", "", ("read_book", "get_book"), ("signed_in", "authenticated")),
    catalog("the model of an order has another name", "", ("NewOrder", "OrderRequest")),
    catalog("the price is another one", "", ("class Order(BaseModel)", "PRICE = 1\n\n\nclass Order(BaseModel)")),
    catalog("a field is described", "", ("    title: str\n", '    title: str = Field(description="As printed on the cover")\n')),
    catalog("a field is deprecated in the description", "", ("    price_cents: int\n", "    price_cents: int = Field(deprecated='soon')\n")),
    catalog("one more status is described", "", ("401: {}, 404: {}", "401: {}, 404: {}, 503: {}")),
    catalog("a field that nobody reads is removed", "", ("    book_id: int\n    quantity: int\n\n\n@", "    book_id: int = Field(exclude=True)\n    quantity: int\n\n\n@")),
    client("the client has other names inside", "", ("_headers", "_sent_headers")),
    client("the client has one more method", "", ("    async def cancel", "    async def cancel_all(self) -> None:\n        return None\n\n    async def cancel")),
    client("the client reads an optional field", "", ("    is_available: bool\n", "    is_available: bool\n    pages: int | None = None\n")),
    Edit("a test has another name", ((SHOP_TEST, ("test_unknown_book_is_none", "test_book_of_an_unknown_id")),)),
    Edit("the mailer writes another text", ((MAILER, ('f"New: {book', 'f"New:  {book'),), (MAILER_TEST, ('"New: Emma', '"New:  Emma')))),
    Edit("the mailer ignores one more type", ((MAILER, ("    return None\n", '        case "book.lost":\n            return None\n    return None\n')),)),
    Edit("the mailer reads less", ((MAILER, ("    price_cents: int\n", ""), (" for {book.price_cents / 100:.2f}", "")), (MAILER_TEST, (", price_cents=typed(1250)", ""), (" for 12.50", "")))),
    Edit("the shop has a new route", (("shop/app/main.py", ("    return app\n", '    @app.get("/books")\n    async def books() -> list[str]:\n        return []\n\n    return app\n')),)),
)
