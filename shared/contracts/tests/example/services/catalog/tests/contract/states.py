"""The states and messages of the catalog."""

import json

from app.main import OPEN, Book, Order, Store, book_added, book_sold_out, now
from contracts.provider import Message, ProviderStates, Secrets, message_producer, state_handler


class CatalogStates(ProviderStates):
    def __init__(self, store: Store) -> None:
        self._store = store

    @state_handler("a signed-in caller")
    async def signed_in(self) -> Secrets:
        self._store.tokens.add("real-token")
        return {"Bearer token": "Bearer real-token"}

    @state_handler("a caller with an expired token")
    async def expired(self) -> Secrets:
        return {"Bearer token": "Bearer expired-token"}

    @state_handler("a book")
    async def book(self, id: int, title: str, is_available: bool) -> None:
        self._store.books[id] = a_book(id=id, title=title, is_available=is_available)

    @state_handler("an audio book without a subtitle")
    async def audio_book(self, id: int) -> None:
        self._store.books[id] = a_book(id=id, subtitle=None, format="audio")

    @state_handler("no book")
    async def no_book(self, id: int) -> None:
        assert id not in self._store.books

    @state_handler("an order")
    async def order(self, id: int) -> None:
        self._store.orders[id] = Order(id=id, book_id=7, quantity=2, **OPEN)

    @message_producer("the event of a new book")
    async def added(self) -> Message:
        return event(book_added(a_book(id=7, title="Emma")))

    @message_producer("the event of a book that is sold out")
    async def sold_out(self) -> Message:
        return event(book_sold_out(a_book(id=7, title="Emma")))


def a_book(**values: object) -> Book:
    defaults = {
        "id": 7,
        "title": "Emma",
        "subtitle": "A Novel",
        "price_cents": 1250,
        "is_available": True,
        "format": "paper",
        "added_at": now(),
    }
    return Book.model_validate(defaults | values)


def event(content: dict[str, object]) -> Message:
    return Message(json.dumps(content).encode(), "application/json")
