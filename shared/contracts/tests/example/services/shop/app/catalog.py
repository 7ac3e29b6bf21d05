"""The shop's client of the catalog."""

from datetime import date, datetime
from enum import Enum
from typing import Annotated, Literal
from uuid import UUID

import httpx
from pydantic import BaseModel, Field


class Book(BaseModel):
    id: int
    title: Annotated[str, Field(min_length=1, max_length=200)]
    subtitle: str | None
    price_cents: Annotated[int, Field(ge=0)]
    is_available: bool
    format: Literal["paper", "audio"]
    added_at: datetime


class Page(BaseModel):
    books: list[Book]
    next_after_id: int | None


class Status(Enum):
    OPEN = "open"
    PAID = "paid"


class Order(BaseModel):
    id: Annotated[int, Field(ge=1)]
    quantity: int
    status: Status
    reference: UUID
    due: date | None
    coupon: Annotated[str, Field(pattern="^[A-Z]+$", max_length=10)] | None
    discount: Annotated[float, Field(le=1)]
    tags: list[Literal["gift", "sale"]]


class NotAvailable(Exception):
    """The book can't be ordered."""


class SignInAgain(Exception):
    """The token is invalid or has expired."""


class CatalogClient:
    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}

    async def book(self, book_id: int) -> Book | None:
        response = await self._send("GET", f"/books/{book_id}")
        return None if response.status_code == 404 else Book.model_validate_json(response.content)

    async def books(self, *, limit: int = 50) -> list[Book]:
        books, after_id = [], 0
        while True:
            query = {"after_id": str(after_id), "limit": str(limit)}
            response = await self._send("GET", "/books/", params=query)
            page = Page.model_validate_json(response.content)
            books += page.books
            if page.next_after_id is None:
                return books
            after_id = page.next_after_id

    async def order(self, book_id: int, quantity: int) -> tuple[Order, str]:
        """The order and its path."""
        body = {"book_id": book_id, "quantity": quantity}
        response = await self._send("POST", "/orders/", json=body)
        if response.status_code == 409:
            raise NotAvailable
        return Order.model_validate_json(response.content), response.headers["Location"]

    async def cancel(self, order_id: int) -> bool:
        response = await self._send("DELETE", f"/orders/{order_id}")
        return response.status_code == 204

    async def _send(self, method: str, path: str, **content: object) -> httpx.Response:
        response = await self._http.request(method, path, headers=self._headers, **content)
        if response.status_code == 401:
            raise SignInAgain
        return response
