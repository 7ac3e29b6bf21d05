"""The catalog: books, orders, and events about books."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone  # noqa: F401 - edits use them
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Response
from pydantic import BaseModel, Field, PlainSerializer  # noqa: F401 - edits use them


class Book(BaseModel):
    id: int
    title: str
    subtitle: str | None
    price_cents: int
    is_available: bool
    format: Literal["paper", "audio"]
    added_at: datetime


class Page(BaseModel):
    books: list[Book]
    next_after_id: int | None


class NewOrder(BaseModel):
    book_id: int
    quantity: int = Field(ge=1, le=10)


OPEN = {
    "status": "open",
    "reference": "5f6c2f2e-6a50-4f6e-8f6f-0d5a3a3c8d4b",
    "due": "2026-12-01",
    "coupon": "SPRING",
    "discount": 0.5,
    "tags": ["gift"],
}


class Order(BaseModel):
    # Without types in the description, so that only verification can find a wrong value.
    id: Any
    status: Any
    reference: Any
    due: Any
    coupon: Any
    discount: Any
    tags: Any
    book_id: int
    quantity: int


@dataclass
class Store:
    books: dict[int, Book] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)


def book_added(book: Book) -> dict[str, object]:
    data = {"book_id": book.id, "title": book.title, "price_cents": book.price_cents}
    return {"type": "book.added", "version": 1, "data": data}


def book_sold_out(book: Book) -> dict[str, object]:
    return {"type": "book.sold_out", "version": 1, "data": {"book_id": book.id}}


def create_app(store: Store | None = None) -> FastAPI:
    store = store or Store()
    app = FastAPI(title="Catalog")

    def signed_in(authorization: Annotated[str, Header()]) -> None:
        if authorization.removeprefix("Bearer ") not in store.tokens:
            raise HTTPException(401, "unauthorized")

    caller = [Depends(signed_in)]
    errors = {401: {}, 404: {}}

    @app.get("/books/{book_id}", dependencies=caller, responses=errors)
    async def read_book(book_id: int) -> Book:
        if book_id not in store.books:
            raise HTTPException(404, "book_not_found")
        return store.books[book_id]

    @app.get("/books/", dependencies=caller, responses=errors)
    async def list_books(after_id: int = 0, limit: Annotated[int, Query(le=100)] = 20) -> Page:
        found = sorted(book_id for book_id in store.books if book_id > after_id)
        ids = found[:limit]
        next_after_id = ids[-1] if len(found) > limit else None
        return Page(books=[store.books[each] for each in ids], next_after_id=next_after_id)

    @app.post("/orders/", status_code=201, dependencies=caller, responses=errors | {409: {}})
    async def create_order(new: NewOrder, response: Response) -> Order:
        if new.book_id not in store.books:
            raise HTTPException(404, "book_not_found")
        if not store.books[new.book_id].is_available:
            raise HTTPException(409, "book_not_available")
        order = Order(id=len(store.orders) + 1, **OPEN, **new.model_dump())
        store.orders[order.id] = order
        response.headers["Location"] = f"/orders/{order.id}"
        return order

    @app.delete("/orders/{order_id}", status_code=204, dependencies=caller, responses=errors)
    async def cancel_order(order_id: int) -> None:
        if store.orders.pop(order_id, None) is None:
            raise HTTPException(404, "order_not_found")

    return app


def now() -> datetime:
    return datetime.now(UTC)
