"""`GET /items/`: filters that more items match than are counted, and filters that few match."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import insert
from sqlmodel import col, select

from app.models import Item, metadata
from chassis.db.sessions import WriteSession
from chassis.web.paging import MAX_COUNTED
from service_testing.assertions import assert_paginated_response
from service_testing.client import AppClient
from service_testing.queries import QueryCounter
from tests.factories import create_items, create_owner

MANY: list[dict[str, Any]] = [
    {"min_price": "1.00", "max_price": "2.00"},
    {"q": "brass"},
    {"owner_id": 1},
]
FEW: list[dict[str, Any]] = [{"min_price": "8.00"}, {"q": "steel"}, {"owner_id": 2}]


@pytest.fixture
async def items(session: WriteSession) -> Sequence[Item]:
    """6,400 cheap items of brass, of which 128 each share their values, and 50 expensive ones of steel."""
    for owner_id in (1, 2):
        await create_owner(session, owner_id=owner_id)
    for owner_id, description, cents in ((1, "Brass", 100), (2, "Steel", 800)):
        row = {"owner_id": owner_id, "description": description}
        rows = [
            {**row, "name": f"{n * 7:02}", "price_cents": cents + n * 11 % 50, "age_seconds": n}
            for n in range(50)
        ]
        await create_items(session, *rows)
    columns = [each for each in metadata.tables["items"].columns if each.name != "id"]
    of_brass = select(*columns).where(col(Item.owner_id) == 1)
    for _ in range(7):
        await session.exec(insert(Item).from_select(columns, of_brass))
    await session.commit()
    found = (await session.exec(select(Item))).all()
    assert len(found) - 50 > MAX_COUNTED
    return found


@pytest.mark.parametrize("sort", ["created_at", "price", "name"])
async def test_pages_are_the_same_whether_many_or_few_items_match(
    client: AppClient, items: Sequence[Item], sort: str
) -> None:
    key = {"price": "price_cents"}.get(sort, sort)
    in_order = sorted(items, key=lambda item: (getattr(item, key), item.id))
    for owner_id, queries in ((1, MANY), (2, FEW)):
        expected = [item.id for item in in_order if item.owner_id == owner_id]
        for query in queries:
            for name, ids in ((sort, expected), (f"-{sort}", expected[::-1])):
                params = {**query, "sort": name}
                first = assert_paginated_response(
                    await client.get("/items/", params=params), total=min(len(ids), MAX_COUNTED)
                )
                params["after"] = first["next"]
                second = assert_paginated_response(await client.get("/items/", params=params))
                assert [item["id"] for item in (*first["items"], *second["items"])] == ids[:40]


@pytest.mark.usefixtures("items")
async def test_sqlite_sorts_the_matching_items_only_if_they_are_few(
    client: AppClient, session: WriteSession, query_counter: QueryCounter
) -> None:
    """If they are many, it reads the index of the order until the page is full."""
    connection = await session.connection()
    if connection.dialect.name != "sqlite":
        pytest.skip("PostgreSQL decides by its statistics")
    for queries, sorts in ((MANY, False), (FEW, True)):
        for query in queries:
            await client.get("/items/", params={**query, "sort": "name"})
            page = query_counter.statements[-1]
            values = (None,) * page.count("?")
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {page}", values)
            steps = [step for *_, step in plan]
            assert any("ORDER BY" in step for step in steps) == sorts, (query, steps)
