"""Items and owners, for tests that need some to be there."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Item, Owner
from app.removals import remove_some
from app.search import search_text
from chassis.db.columns import utc_now
from chassis.db.database import Database
from service_testing.assertions import assert_item_response
from service_testing.client import AppClient
from service_testing.factories import ItemOverrides, create_item_data

JSON = {"Content-Type": "application/json"}


async def put_up(client: AppClient, **data: Any) -> httpx.Response:
    """The answer to an item that this client puts up."""
    overrides: ItemOverrides = {**data}  # type: ignore[typeddict-item]
    response = await client.post("/items/", json=create_item_data(**overrides))
    assert_item_response(response, status=201)
    return response


async def path_of_new(client: AppClient, **data: Any) -> str:
    """Where an item is that this client has put up."""
    return (await put_up(client, **data)).headers["Location"]


async def add_owner(session: AsyncSession, owner_id: int = 1, **state: Any) -> None:
    """Let this service know an owner, as an event or a look-up would."""
    session.add(Owner(**{"id": owner_id, "name": "Ada", **state}))
    await session.commit()


async def add_items(session: AsyncSession, *rows: Mapping[str, Any]) -> list[int]:
    """Store items of owners that are there, the last one the newest; their ids.

    A row may leave out anything; `age_seconds` is how long ago it was created.
    """
    now = utc_now()
    values = [
        _values(row, now - timedelta(seconds=row.get("age_seconds", len(rows) - index)))
        for index, row in enumerate(rows)
    ]
    statement = insert(Item).returning(Item.id, sort_by_parameter_order=True)  # type: ignore[call-overload]
    ids = list(await session.scalars(statement, values)) if values else []
    await session.commit()
    return ids


async def remove_all_items_of_the_deleted(database: Database) -> None:
    """What the service does in the background, to its end."""
    while not await remove_some(database):
        pass


def _values(row: Mapping[str, Any], created_at: Any) -> dict[str, Any]:
    name, description = row.get("name", "Lamp"), row.get("description")
    return {
        "owner_id": row.get("owner_id", 1),
        "name": name,
        "description": description,
        "price_cents": row.get("price_cents", 100),
        "search_text": search_text(name, description),
        "version": 1,
        "created_at": created_at,
        "updated_at": created_at,
    }
