"""`GET /items/`, compared with a model of it in ten lines of Python."""

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from app.models import Item, ItemRemoval, Owner
from app.repositories.items import searchable
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_paginated_response
from service_testing.client import AppClient
from service_testing.properties import examples
from tests.factories import create_items, create_owner

WORDS = st.text("aAäÄßsSжЖ%_\\'\n\u0308", max_size=4)
CENTS = st.integers(0, 4)
ROWS = st.fixed_dictionaries(
    {
        "name": st.builds("N{}".format, WORDS),
        "description": st.none() | WORDS,
        "price_cents": CENTS,
        "owner_id": st.sampled_from([1, 2]),
        "age_seconds": st.integers(0, 3),
    }
)


@dataclass(frozen=True)
class Query:
    sort: str
    size: int
    owner_id: int | None
    q: str | None
    min_cents: int | None
    max_cents: int | None

    def parameters(self) -> dict[str, Any]:
        sent = {
            "sort": self.sort,
            "size": self.size,
            "owner_id": self.owner_id,
            "q": self.q,
            "min_price": self.min_cents if self.min_cents is None else f"0.0{self.min_cents}",
            "max_price": self.max_cents if self.max_cents is None else f"0.0{self.max_cents}",
        }
        return {name: value for name, value in sent.items() if value is not None}

    def matches(self, row: dict[str, Any]) -> bool:
        texts = [searchable(row["name"]), searchable(row["description"] or "")]
        return (
            (self.owner_id is None or row["owner_id"] == self.owner_id)
            and (self.q is None or any(searchable(self.q) in text for text in texts))
            and (self.min_cents is None or row["price_cents"] >= self.min_cents)
            and (self.max_cents is None or row["price_cents"] <= self.max_cents)
        )

    def order(self, row: dict[str, Any]) -> tuple[Any, int]:
        key = {"price": "price_cents", "name": "name"}.get(self.sort.lstrip("-"))
        return (row[key] if key else -row["age_seconds"], row["id"])

    def answer(self, rows: list[dict[str, Any]]) -> list[int]:
        found = sorted(filter(self.matches, rows), key=self.order, reverse=self.sort[0] == "-")
        return [row["id"] for row in found]


QUERIES = st.builds(
    Query,
    sort=st.sampled_from(["created_at", "-created_at", "price", "-price", "name", "-name"]),
    size=st.integers(1, 5),
    owner_id=st.none() | st.sampled_from([1, 2, 3]),
    q=st.none() | WORDS,
    min_cents=st.none() | CENTS,
    max_cents=st.none() | CENTS,
)


async def pages(client: AppClient, parameters: dict[str, Any], *, by_cursor: bool) -> list[Any]:
    found: list[Any] = []
    query = dict(parameters)
    while True:
        found.append(assert_paginated_response(await client.get("/items/", params=query)))
        if found[-1]["next"] is None:
            return found
        query |= {"after": found[-1]["next"]} if by_cursor else {"page": len(found) + 1}


class TestListItemsModel:
    @settings(max_examples=examples(0.4))
    @given(
        rows=st.lists(ROWS, max_size=8),
        query=QUERIES,
        by_cursor=st.booleans(),
        removed=st.none() | st.sampled_from([1, 2]),
    )
    async def test_list_items_returns_the_same_as_the_model(
        self,
        client: AppClient,
        session: WriteSession,
        rows: list[dict[str, Any]],
        query: Query,
        by_cursor: bool,
        removed: int | None,
    ) -> None:
        for table in (Item, ItemRemoval, Owner):
            await session.exec(delete(table))
        for owner_id in (1, 2):
            await create_owner(session, owner_id=owner_id)
        ids = await create_items(session, *rows)
        known = [{**row, "id": item_id} for row, item_id in zip(rows, ids, strict=True)]
        if removed is not None:
            session.add(ItemRemoval(owner_id=removed))
            await session.commit()
        expected = query.answer([row for row in known if row["owner_id"] != removed])
        found = await pages(client, query.parameters(), by_cursor=by_cursor)
        assert [item["id"] for page in found for item in page["items"]] == expected
        assert {page["total"] for page in found} == {len(expected)}
        assert [page["page"] for page in found] == list(range(1, len(found) + 1))
