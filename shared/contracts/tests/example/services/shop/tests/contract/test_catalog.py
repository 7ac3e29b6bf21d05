"""What the shop expects of the catalog."""

from typing import Any

import pytest
from app.catalog import Book, NotAvailable, Order, Page, SignInAgain

from contracts.consumer import (
    Expected,
    ExpectedProvider,
    Request,
    Response,
    State,
    matching,
    read_by,
    state,
    typed,
)
from tests.contract.conftest import Connect

SIGNED_IN = state("a signed-in caller")
HEADERS = {"Authorization": "Bearer token"}


def a_book(**values: Any) -> dict[str, Any]:
    book = {
        "id": 7,
        "title": "Emma",
        "subtitle": typed("A Novel"),
        "price_cents": typed(1250),
        "is_available": True,
        "format": "paper",
        "added_at": typed("2026-11-23T09:30:00Z"),
    }
    return read_by(Book, **(book | values))


def get(path: str, **query: str) -> Request:
    return Request(method="GET", path=path, query=query, headers=HEADERS)


def listing(*, after_id: int) -> Request:
    return get("/books/", after_id=str(after_id), limit="2")


def page(*books: dict[str, Any], next_after_id: int | None) -> Response:
    return Response(status=200, body=read_by(Page, books=list(books), next_after_id=next_after_id))


def emma(book_id: int = 7, *, title: str = "Emma", is_available: bool = True) -> State:
    return state("a book", id=book_id, title=title, is_available=is_available)


class TestBook:
    async def test_book_that_is_available(
        self, catalog: ExpectedProvider, connect: Connect
    ) -> None:
        with catalog.answers(
            "an available book",
            given=[SIGNED_IN, emma()],
            request=get("/books/7"),
            response=Response(status=200, body=a_book()),
        ) as url:
            async with connect(url) as client:
                book = await client.book(7)
        assert (book.title, book.is_available) == ("Emma", True)

    async def test_book_that_is_not_available(
        self, catalog: ExpectedProvider, connect: Connect
    ) -> None:
        with catalog.answers(
            "a book that is not available",
            given=[SIGNED_IN, emma(is_available=False)],
            request=get("/books/7"),
            response=Response(status=200, body=a_book(is_available=False)),
        ) as url:
            async with connect(url) as client:
                assert not (await client.book(7)).is_available

    async def test_audio_book_without_a_subtitle(
        self, catalog: ExpectedProvider, connect: Connect
    ) -> None:
        with catalog.answers(
            "an audio book without a subtitle",
            given=[SIGNED_IN, state("an audio book without a subtitle", id=7)],
            request=get("/books/7"),
            response=Response(status=200, body=a_book(subtitle=None, format="audio")),
        ) as url:
            async with connect(url) as client:
                assert (await client.book(7)).subtitle is None

    async def test_unknown_book_is_none(self, catalog: ExpectedProvider, connect: Connect) -> None:
        with catalog.answers(
            "an unknown book",
            given=[SIGNED_IN, state("no book", id=7)],
            request=get("/books/7"),
            response=Response(status=404),
        ) as url:
            async with connect(url) as client:
                assert await client.book(7) is None

    async def test_expired_token(self, catalog: ExpectedProvider, connect: Connect) -> None:
        with catalog.answers(
            "a book with an expired token",
            given=[state("a caller with an expired token"), emma()],
            request=get("/books/7"),
            response=Response(status=401),
        ) as url:
            async with connect(url) as client:
                with pytest.raises(SignInAgain):
                    await client.book(7)


class TestBooks:
    async def test_no_books(self, catalog: ExpectedProvider, connect: Connect) -> None:
        with catalog.answers(
            "no books",
            given=[SIGNED_IN],
            request=listing(after_id=0),
            response=page(next_after_id=None),
        ) as url:
            async with connect(url) as client:
                assert await client.books(limit=2) == []

    async def test_books_on_two_pages(self, catalog: ExpectedProvider, connect: Connect) -> None:
        audio = state("an audio book without a subtitle", id=5)
        given = [SIGNED_IN, emma(9), emma(3, title="Persuasion"), audio]
        first = Expected(
            "the first page of books",
            given,
            listing(after_id=0),
            page(
                a_book(id=3, title="Persuasion"),
                a_book(id=5, subtitle=None, format="audio"),
                next_after_id=5,
            ),
        )
        last = Expected(
            "the last page of books",
            given,
            listing(after_id=5),
            page(a_book(id=9), next_after_id=None),
        )
        with catalog.answers_each(first, last) as url:
            async with connect(url) as client:
                assert [book.id for book in await client.books(limit=2)] == [3, 5, 9]


class TestOrder:
    def request(self) -> Request:
        body = {"book_id": 7, "quantity": 2}
        return Request(method="POST", path="/orders/", headers=HEADERS, body=body)

    async def test_order_is_placed(self, catalog: ExpectedProvider, connect: Connect) -> None:
        with catalog.answers(
            "an order",
            given=[SIGNED_IN, emma()],
            request=self.request(),
            response=Response(
                status=201,
                headers={"Location": matching("/orders/1", r"^/orders/\d+$")},
                body=read_by(
                    Order,
                    id=typed(1),
                    quantity=2,
                    status=typed("open"),
                    reference=typed("5f6c2f2e-6a50-4f6e-8f6f-0d5a3a3c8d4b"),
                    due=typed("2026-12-01"),
                    coupon=typed("SPRING"),
                    discount=typed(0.5),
                    tags=typed(["gift"]),
                ),
            ),
        ) as url:
            async with connect(url) as client:
                order, path = await client.order(7, 2)
        assert (order.quantity, path) == (2, "/orders/1")

    async def test_order_of_a_book_that_is_not_available(
        self, catalog: ExpectedProvider, connect: Connect
    ) -> None:
        with catalog.answers(
            "an order of a book that is not available",
            given=[SIGNED_IN, emma(is_available=False)],
            request=self.request(),
            response=Response(status=409),
        ) as url:
            async with connect(url) as client:
                with pytest.raises(NotAvailable):
                    await client.order(7, 2)

    @pytest.mark.parametrize(
        ("description", "given", "status"),
        [
            ("the cancellation of an order", [SIGNED_IN, state("an order", id=4)], 204),
            ("the cancellation of an unknown order", [SIGNED_IN], 404),
        ],
        ids=["known", "unknown"],
    )
    async def test_cancellation(
        self,
        catalog: ExpectedProvider,
        connect: Connect,
        description: str,
        given: list[State],
        status: int,
    ) -> None:
        with catalog.answers(
            description,
            given=given,
            request=Request(method="DELETE", path="/orders/4", headers=HEADERS),
            response=Response(status=status),
        ) as url:
            async with connect(url) as client:
                assert await client.cancel(4) is (status == 204)
