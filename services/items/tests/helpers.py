"""Assertions about the responses of this service, and steps that many tests take."""

import re
from typing import Any, Unpack

import httpx
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import func
from sqlmodel import SQLModel, col, select

from app.jobs.item_removal import remove_some
from app.models import CreatedItem, ItemRemoval
from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_status
from service_testing.client import AppClient
from tests.factories import ItemData, create_item_data

JSON = {"Content-Type": "application/json"}

_ITEM_FIELDS = {"id", "name", "description", "price", "owner", "created_at", "updated_at"}


def assert_item_response(
    response: httpx.Response, *, status: int = 200, name: str | None = None
) -> dict[str, Any]:
    """The body is an item: exactly the published fields, its price a string with two decimal places."""
    __tracebackhide__ = True
    assert_status(response, status)
    body: dict[str, Any] = response.json()
    assert set(body) == _ITEM_FIELDS, response.text
    assert re.fullmatch(r"\d+\.\d\d", body["price"]), response.text
    if name is not None:
        assert body["name"] == name, response.text
    return body


async def create_item(client: AppClient, **overrides: Unpack[ItemData]) -> httpx.Response:
    """Create an item as this client's user. Returns the response."""
    response = await client.post("/items/", json=create_item_data(**overrides))
    assert_item_response(response, status=201)
    return response


async def create_item_path(client: AppClient, **overrides: Unpack[ItemData]) -> str:
    """Create an item as this client's user. Returns its path."""
    return (await create_item(client, **overrides)).headers["Location"]


async def claim_key(session: WriteSession, key: str) -> None:
    """As a request of user 1 with an `Idempotency-Key` does that hasn't ended."""
    claimed = CreatedItem(owner_id=1, key=key, request_hash="", answer=None, created_at=utc_now())
    session.add(claimed)
    await session.flush()


async def count_rows(session: WriteSession, model: type[SQLModel]) -> int:
    return (await session.exec(select(func.count()).select_from(model))).one()


async def removal_owner_ids(session: WriteSession) -> list[int]:
    """The deleted owners whose items are still to be deleted."""
    statement = select(ItemRemoval.owner_id).order_by(col(ItemRemoval.owner_id))
    return list(await session.exec(statement))


async def run_item_removal(database: Database) -> None:
    """Run the background job until it has no more work."""
    while not await remove_some(database):
        pass


async def metric(client: AppClient, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a metric, by the values of their labels in the order of the labels' names."""
    text = (await client.get("/metrics")).text
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }
