"""Lists by page number and by cursor."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, Query
from sqlalchemy import BigInteger, select, text
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
    return await fetch_page(
        session,
        rows,
        item=as_dict,
        filters=() if rank is None else (Note.rank == rank,),
        id_column=Note.id,
        sorts=SORTS,
        sort_name=sort,
        query=query,
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
    async def test_empty_list_has_no_pages(self, client: AppClient) -> None:
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
    async def test_last_page_has_no_next_page(
        self, client: AppClient, database: Database, count: int, pages: int, on_the_last: int
    ) -> None:
        await insert(database, count)
        last = await client.get("/notes", params={"size": 10, "page": pages})
        body = assert_paginated_response(last, count=on_the_last, total=count, page=pages)
        assert (body["pages"], body["next"]) == (pages, None)
        if pages > 1:
            before = await client.get("/notes", params={"size": 10, "page": pages - 1})
            assert before.json()["next"] is not None
        behind = await client.get("/notes", params={"size": 10, "page": pages + 1})
        assert_paginated_response(behind, count=0, total=count, page=pages + 1)
        assert behind.json()["next"] is None

    async def test_only_one_page_is_read_from_the_database(
        self, client: AppClient, database: Database
    ) -> None:
        await insert(database, 3)
        cursor = (await client.get("/notes", params={"size": 1})).json()["next"]
        counter = QueryCounter()
        with counter.watching(database.read_engine):
            await client.get("/notes", params={"size": 1, "after": cursor})
        assert counter.statements
        assert all("LIMIT" in each for each in counter.statements)  # the count has one too

    async def test_only_matching_rows_are_counted(
        self, client: AppClient, database: Database
    ) -> None:
        await insert(database, 10, ranks=3)
        assert_paginated_response(await client.get("/notes"), count=10, total=10)
        filtered = await client.get("/notes", params={"rank": 0, "size": 2})
        assert_paginated_response(filtered, count=2, total=3)

    async def test_joined_rows_are_counted_as_listed(
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
    async def test_total_is_exact_up_to_a_limit(
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
    async def test_all_rows_are_listed_once_and_in_order(
        self, client: AppClient, database: Database, sort: str, size: int
    ) -> None:
        await insert(database, 30)
        listed = [
            item async for body in walk(client, sort=sort, size=size) for item in body["items"]
        ]
        key = sort.removeprefix("-")
        expected = sorted(
            listed, key=lambda item: (item[key], item["id"]), reverse=sort.startswith("-")
        )
        assert listed == expected
        assert len({item["id"] for item in listed}) == 30

    @pytest.mark.parametrize("sort", sorted(SORTS))
    async def test_rows_are_listed_once_while_others_are_inserted(
        self, client: AppClient, database: Database, sort: str
    ) -> None:
        await insert(database, 40)
        async with database.read_session().connection() as connection:
            there = set(await connection.scalars(select(Note.id)))
        listed: list[int] = []
        async for body in walk(client, sort=sort, size=7):
            listed += ids(body)
            if len(listed) < 60:
                await insert(database, 2)
        assert len(listed) == len(set(listed))
        assert there <= set(listed)

    async def test_row_after_a_deleted_one_is_listed(
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

    async def test_size_may_change_from_page_to_page(
        self, client: AppClient, database: Database
    ) -> None:
        await insert(database, 10)
        first = (await client.get("/notes", params={"size": 3})).json()
        second = (await client.get("/notes", params={"size": 100, "after": first["next"]})).json()
        assert len(ids(first) + ids(second)) == 10

    @pytest.mark.parametrize(
        "title", ["", "é", "\N{GRINNING FACE}", "a" * 120, '"', "\\", "\N{GRINNING FACE}" * 120]
    )
    async def test_cursor_may_contain_any_title(
        self, client: AppClient, database: Database, title: str
    ) -> None:
        async with database.transaction() as session:
            session.add_all(Note(title=title) for _ in range(3))
        listed = [i async for body in walk(client, sort="title", size=1) for i in ids(body)]
        assert len(set(listed)) == 3


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
    async def test_page_beyond_the_limit_suggests_the_cursor(
        self, client: AppClient, page: int, size: int, allowed: bool
    ) -> None:
        response = await client.get("/notes", params={"page": page, "size": size})
        if allowed:
            assert_paginated_response(response, count=0, page=page)
            return
        (problem,) = assert_validation_error(response, ["query", "page"])["detail"]
        assert "after=<next of the previous page>" in problem["msg"]

    async def test_page_and_cursor_together(self, client: AppClient) -> None:
        assert await refused(client, page=1, after="x") == "Send either page or after, not both"

    async def test_empty_cursor_counts_as_omitted(self, client: AppClient) -> None:
        assert_paginated_response(await client.get("/notes", params={"after": ""}), count=0)

    @pytest.mark.parametrize("cursor", ["x", "e30", "W10", "é", "null"])
    async def test_text_that_is_no_cursor(self, client: AppClient, cursor: str) -> None:
        assert await refused(client, after=cursor) == "Not a cursor of this list"

    async def test_cursor_of_another_sort_order(
        self, client: AppClient, database: Database
    ) -> None:
        await insert(database, 5)
        cursor = (await client.get("/notes", params={"size": 1})).json()["next"]
        assert await refused(client, after=cursor, sort="-id") == (
            "The cursor belongs to another sort order"
        )

    @pytest.mark.parametrize("cursor", ["a" * 2001, "a\0"])
    async def test_text_that_is_too_long_or_has_a_nul(self, client: AppClient, cursor: str) -> None:
        response = await client.get("/notes", params={"after": cursor})
        assert_validation_error(response, ["query", "after"])

    @pytest.mark.parametrize("params", [{"page": "0"}, {"page": "1.0"}, {"page": str(2**63)}])
    async def test_page_that_is_no_number_from_1_on(
        self, client: AppClient, params: dict[str, str]
    ) -> None:
        assert_validation_error(await client.get("/notes", params=params), ["query", "page"])

    @pytest.mark.parametrize("size", ["0", "101", "1e1"])
    async def test_size_that_is_not_from_1_to_100(self, client: AppClient, size: str) -> None:
        response = await client.get("/notes", params={"size": size})
        assert_validation_error(response, ["query", "size"])
