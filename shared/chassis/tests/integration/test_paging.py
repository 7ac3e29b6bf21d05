"""Lists by page number and by cursor."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, Query
from sqlalchemy import BigInteger, select, text
from structlog.types import EventDict
from tests.example.app import client_of
from tests.example.models import Note, Remark

from chassis.db.columns import sortable_text
from chassis.db.database import Database
from chassis.db.paging import Sort, decode_int, fetch_page
from chassis.db.sessions import ReadSessionDep
from chassis.web.paging import MAX_COUNTED, Page, PageQuery, page_query
from service_testing.assertions import assert_paginated_response, assert_validation_error
from service_testing.client import AppClient
from service_testing.queries import QueryCounter

pytestmark = pytest.mark.committed

SORTS = {
    name: Sort(column, kind, key, name.startswith("-"), encode, decode)
    for column, kind, key, encode, decode in (
        (Note.id, BigInteger(), "id", int, decode_int),
        (Note.rank, BigInteger(), "rank", int, decode_int),
        (Note.title, sortable_text(120), "title", str, str),
    )
    for name in (key, f"-{key}")
}

router = APIRouter()


def as_dict(note_id: int, title: str, rank: int) -> dict[str, Any]:
    return {"id": note_id, "title": title, "rank": rank}


@router.get("/notes")
async def list_notes(
    session: ReadSessionDep,
    query: Annotated[PageQuery, Depends(page_query)],
    sort: Annotated[str, Query()] = "id",
    rank: Annotated[int | None, Query()] = None,
    *,
    remarked: bool = False,
) -> Page[dict[str, Any]]:
    rows = select(Note.id, Note.title, Note.rank)
    if remarked:
        rows = rows.join(Remark, Remark.note_id == Note.id)
    if rank is not None:
        rows = rows.where(Note.rank == rank)
    return await fetch_page(
        session, rows, item=as_dict, id_column=Note.id, sorts=SORTS, sort_name=sort, query=query
    )


@pytest.fixture
def client(database: Database) -> AppClient:
    return client_of(router, database=database)


async def insert(database: Database, count: int, *, ranks: int = 3) -> None:
    """Notes with titles of random order, of which many share a rank."""
    statement = text(
        "INSERT INTO notes (title, rank, written_at) "
        "WITH RECURSIVE numbers (n) AS "
        "(SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count) "
        "SELECT CAST((n * 7919) % 1009 AS VARCHAR(120)), n % :ranks, '2026-01-01 00:00:00' FROM numbers"
    )
    async with database.transaction() as session:
        await (await session.connection()).execute(statement, {"count": count, "ranks": ranks})


async def walk(client: AppClient, **params: Any) -> AsyncIterator[dict[str, Any]]:
    """All pages, from one cursor to the next."""
    after: str | None = None
    while True:
        query = params if after is None else {**params, "after": after}
        body = assert_paginated_response(await client.get("/notes", params=query))
        yield body
        after = body["next"]
        if after is None:
            return


def ids(body: dict[str, Any]) -> list[int]:
    return [item["id"] for item in body["items"]]


class TestPage:
    async def test_an_empty_list_has_no_pages(self, client: AppClient) -> None:
        response = await client.get("/notes")
        assert response.json() == {
            "items": [],
            "total": 0,
            "total_is_exact": True,
            "page": 1,
            "size": 20,
            "pages": 0,
            "next": None,
        }

    @pytest.mark.parametrize(
        ("count", "pages", "on_the_last"),
        [(1, 1, 1), (9, 1, 9), (10, 1, 10), (11, 2, 1), (30, 3, 10)],
    )
    async def test_the_last_page_says_that_it_is_the_last(
        self, client: AppClient, database: Database, count: int, pages: int, on_the_last: int
    ) -> None:
        await insert(database, count)
        last = await client.get("/notes", params={"size": 10, "page": pages})
        body = assert_paginated_response(last, count=on_the_last, total=count, page=pages)
        assert (body["pages"], body["next"]) == (pages, None)
        if pages > 1:
            before = await client.get("/notes", params={"size": 10, "page": pages - 1})
            assert before.json()["next"] is not None

    async def test_a_page_behind_the_last_is_empty(
        self, client: AppClient, database: Database
    ) -> None:
        await insert(database, 5)
        response = await client.get("/notes", params={"page": 2})
        assert_paginated_response(response, count=0, total=5, page=2)
        assert response.json()["next"] is None

    async def test_only_a_page_is_read_of_the_database(
        self, client: AppClient, database: Database
    ) -> None:
        await insert(database, 3)
        cursor = (await client.get("/notes", params={"size": 1})).json()["next"]
        counter = QueryCounter()
        with counter.watching(database.read_engine):
            await client.get("/notes", params={"size": 1, "after": cursor})
        assert counter.statements
        assert all("LIMIT" in each for each in counter.statements)  # the count has one too

    async def test_only_what_matches_is_counted(
        self, client: AppClient, database: Database
    ) -> None:
        await insert(database, 10, ranks=3)
        assert_paginated_response(await client.get("/notes"), count=10, total=10)
        filtered = await client.get("/notes", params={"rank": 0, "size": 2})
        assert_paginated_response(filtered, count=2, total=3)

    async def test_joined_rows_are_counted_as_they_are_listed(
        self, client: AppClient, database: Database
    ) -> None:
        await insert(database, 5)
        async with database.transaction() as session:
            note_id = await session.scalar(select(Note.id).limit(1))
            assert note_id is not None
            session.add_all([Remark(note_id=note_id), Remark(note_id=note_id)])
        response = await client.get("/notes", params={"remarked": True})
        assert_paginated_response(response, count=2, total=2)

    @pytest.mark.parametrize("sort", sorted(SORTS))
    async def test_pages_by_number_and_by_cursor_are_the_same(
        self, client: AppClient, database: Database, sort: str
    ) -> None:
        await insert(database, 47)
        params: dict[str, Any] = {"sort": sort, "size": 7}
        async for by_cursor in walk(client, **params):
            number = by_cursor["page"]
            by_number = await client.get("/notes", params={**params, "page": number})
            assert by_number.json() == by_cursor


class TestCount:
    async def test_is_exact_up_to_a_limit_and_no_further(
        self, client: AppClient, database: Database
    ) -> None:
        await insert(database, MAX_COUNTED)
        body = (await client.get("/notes")).json()
        assert (body["total"], body["total_is_exact"], body["pages"]) == (5_000, True, 250)
        await insert(database, 1)
        body = (await client.get("/notes")).json()
        assert (body["total"], body["total_is_exact"], body["pages"]) == (5_000, False, 250)
        last_by_number = await client.get("/notes", params={"page": 50, "size": 100})
        cursor = assert_paginated_response(last_by_number, count=100, page=50)["next"]
        beyond = await client.get("/notes", params={"after": cursor, "size": 100})
        assert_paginated_response(beyond, count=1, page=51)
        assert beyond.json()["next"] is None


class TestCursor:
    @pytest.mark.parametrize("sort", sorted(SORTS))
    @pytest.mark.parametrize("size", [1, 7, 10, 100])
    async def test_all_rows_are_met_once_and_in_order(
        self, client: AppClient, database: Database, sort: str, size: int
    ) -> None:
        await insert(database, 30)
        met = [item async for body in walk(client, sort=sort, size=size) for item in body["items"]]
        key = sort.removeprefix("-")
        expected = sorted(
            met, key=lambda item: (item[key], item["id"]), reverse=sort.startswith("-")
        )
        assert met == expected
        assert len({item["id"] for item in met}) == 30

    @pytest.mark.parametrize("sort", sorted(SORTS))
    async def test_no_row_is_lost_or_met_twice_while_others_are_inserted(
        self, client: AppClient, database: Database, sort: str
    ) -> None:
        await insert(database, 40)
        async with database.read_session().connection() as connection:
            there = set(await connection.scalars(select(Note.id)))
        met: list[int] = []
        async for body in walk(client, sort=sort, size=7):
            met += ids(body)
            if len(met) < 60:
                await insert(database, 2)
        assert len(met) == len(set(met))
        assert there <= set(met)

    async def test_no_row_is_lost_when_the_one_before_it_is_deleted(
        self, client: AppClient, database: Database
    ) -> None:
        await insert(database, 10)
        pages = walk(client, size=5)
        first = ids(await anext(pages))
        async with database.transaction() as session:
            await (await session.connection()).execute(
                text("DELETE FROM notes WHERE id <= :last"), {"last": first[-1]}
            )
        second = ids(await anext(pages))
        assert len(second) == 5
        assert second[0] == first[-1] + 1

    async def test_the_size_may_change_from_page_to_page(
        self, client: AppClient, database: Database
    ) -> None:
        await insert(database, 10)
        first = (await client.get("/notes", params={"size": 3})).json()
        second = (await client.get("/notes", params={"size": 100, "after": first["next"]})).json()
        assert len(ids(first) + ids(second)) == 10

    @pytest.mark.parametrize(
        "title", ["", "é", "\N{GRINNING FACE}", "a" * 120, '"', "\\", "\N{GRINNING FACE}" * 120]
    )
    async def test_any_title_may_be_the_place_to_go_on_from(
        self, client: AppClient, database: Database, title: str
    ) -> None:
        async with database.transaction() as session:
            session.add_all(Note(title=title) for _ in range(3))
        met = [i async for body in walk(client, sort="title", size=1) for i in ids(body)]
        assert len(set(met)) == 3


async def refused(client: AppClient, **params: Any) -> str:
    response = await client.get("/notes", params=params)
    (problem,) = assert_validation_error(response, ["query", "after"])["detail"]
    return str(problem["msg"])


class TestRefused:
    @pytest.mark.parametrize(
        ("page", "size", "allowed"),
        [
            (50, 100, True),
            (51, 100, False),
            (5_000, 1, True),
            (5_001, 1, False),
            (2**63 - 1, 1, False),
        ],
    )
    async def test_a_page_too_deep_to_count_to_names_the_cursor(
        self, client: AppClient, page: int, size: int, allowed: bool
    ) -> None:
        response = await client.get("/notes", params={"page": page, "size": size})
        if allowed:
            assert_paginated_response(response, count=0, page=page)
            return
        (problem,) = assert_validation_error(response, ["query", "page"])["detail"]
        assert "after=<next of the page before>" in problem["msg"]

    async def test_a_page_and_a_cursor_at_once(self, client: AppClient) -> None:
        assert await refused(client, page=1, after="x") == "Send either page or after, not both"

    @pytest.mark.parametrize("cursor", ["", "x", "e30", "W10", "é", "null"])
    async def test_what_is_no_cursor(self, client: AppClient, cursor: str) -> None:
        assert await refused(client, after=cursor) == "Not a cursor of this list"

    async def test_a_cursor_of_another_order(self, client: AppClient, database: Database) -> None:
        await insert(database, 5)
        cursor = (await client.get("/notes", params={"size": 1})).json()["next"]
        assert await refused(client, after=cursor, sort="-id") == (
            "The cursor belongs to another sort order"
        )

    @pytest.mark.parametrize("cursor", ["a" * 2001, "a\0"])
    async def test_a_cursor_that_no_list_would_give(
        self, client: AppClient, cursor: str, logs: list[EventDict]
    ) -> None:
        assert_validation_error(
            await client.get("/notes", params={"after": cursor}), ["query", "after"]
        )

    @pytest.mark.parametrize(
        "page", ["0", "-1", "+1", "1.0", " 1", "abc", "", str(2**63), "9" * 30]
    )
    async def test_a_page_that_is_no_number_from_1_on(self, client: AppClient, page: str) -> None:
        assert_validation_error(
            await client.get("/notes", params={"page": page}), ["query", "page"]
        )

    @pytest.mark.parametrize("size", ["0", "101", "-1", "abc", "1e1"])
    async def test_a_size_that_is_not_from_1_to_100(self, client: AppClient, size: str) -> None:
        response: httpx.Response = await client.get("/notes", params={"size": size})
        assert_validation_error(response, ["query", "size"])
