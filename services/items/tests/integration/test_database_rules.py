"""The constraints of the database."""

from typing import Any

import pytest
from sqlalchemy import delete, insert
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import SQLModel

from app.models import Item, ItemRemoval, Owner, ReceivedEvent, Resync
from chassis.auth.stored_keys import PublishedKeys
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession
from tests.factories import create_items, create_owner

NOW = utc_now()
OWNER = {"id": 2, "name": "Grace", "is_active": True, "version": 0, "is_deleted": False}
KEYS = {"id": 1, "document": "{}", "fetched_at": NOW}
EVENT = {"source": "/users", "event_id": "1", "received_at": NOW}
REMOVAL = {"owner_id": 1, "requested_at": NOW}
RESYNC = {"started_at": NOW, "finished_at": None}
ITEM = {
    "owner_id": 1,
    "name": "Lamp",
    "description": "Of brass",
    "price_cents": 100,
    "search_text": "lamp of brass",
    "version": 1,
    "created_at": NOW,
    "updated_at": NOW,
}
EDGES: list[tuple[type[SQLModel], dict[str, Any]]] = [
    *((Item, {**ITEM, "name": name}) for name in ("x", "x" * 120)),
    *((Item, {**ITEM, "description": description}) for description in (None, "", "x" * 2000)),
    *((Item, {**ITEM, "price_cents": price_cents}) for price_cents in (0, 99_999_999_99)),
    *((Owner, {**OWNER, "id": owner_id}) for owner_id in (2, 2**63 - 1)),
    *((Owner, {**OWNER, "name": name}) for name in ("x", "x" * 120)),
    (PublishedKeys, KEYS),
    *((ReceivedEvent, {**EVENT, "event_id": event_id}) for event_id in ("x", "x" * 255)),
    *((ReceivedEvent, {**EVENT, "source": source}) for source in ("x", "x" * 255)),
    (ItemRemoval, REMOVAL),
    *((Resync, {**RESYNC, "finished_at": finished_at}) for finished_at in (None, NOW)),
]
BROKEN: list[tuple[type[SQLModel], dict[str, Any]]] = [
    *((Item, {**ITEM, "name": name}) for name in ("", "  ", "x" * 121)),
    (Item, {**ITEM, "description": "x" * 2001}),
    *((Item, {**ITEM, "price_cents": price_cents}) for price_cents in (-1, 100_000_000_00)),
    *((Item, {**ITEM, "version": version}) for version in (0, -1)),
    *((Item, {**ITEM, "owner_id": owner_id}) for owner_id in (3, 0, -1)),
    *((Item, {**ITEM, field: None}) for field in ITEM if field != "description"),
    *((Owner, {**OWNER, "id": owner_id}) for owner_id in (0, -1, 1)),
    (Owner, {**OWNER, "version": -1}),
    *((Owner, {**OWNER, "name": name}) for name in ("", "  ", "x" * 121)),
    *((Owner, {**OWNER, field: None}) for field in OWNER),
    *((PublishedKeys, {**KEYS, "id": row_id}) for row_id in (0, 2)),
    *((PublishedKeys, {**KEYS, field: None}) for field in ("document", "fetched_at")),
    *((ReceivedEvent, {**EVENT, "event_id": event_id}) for event_id in ("", "x" * 256)),
    *((ReceivedEvent, {**EVENT, "source": source}) for source in ("", "x" * 256)),
    *((ReceivedEvent, {**EVENT, field: None}) for field in EVENT),
    (ItemRemoval, {**REMOVAL, "owner_id": 2}),
    (ItemRemoval, {**REMOVAL, "requested_at": None}),
    (Resync, {**RESYNC, "started_at": None}),
]


class TestDatabaseRules:
    @pytest.mark.parametrize(("table", "row"), EDGES)
    async def test_database_accepts_a_row_at_the_limit(
        self, session: WriteSession, table: type[SQLModel], row: dict[str, Any]
    ) -> None:
        await create_owner(session, owner_id=1)
        result = await session.exec(insert(table).values(row))
        assert result.rowcount == 1

    @pytest.mark.parametrize(("table", "row"), BROKEN)
    async def test_database_refuses_a_row_that_violates_a_constraint(
        self, session: WriteSession, table: type[SQLModel], row: dict[str, Any]
    ) -> None:
        await create_owner(session, owner_id=1)
        with pytest.raises(DBAPIError):
            await session.exec(insert(table).values(row))
        await session.rollback()

    @pytest.mark.parametrize(
        ("table", "row"), [(PublishedKeys, KEYS), (ReceivedEvent, EVENT), (ItemRemoval, REMOVAL)]
    )
    async def test_database_refuses_a_second_row_with_the_same_key(
        self, session: WriteSession, table: type[SQLModel], row: dict[str, Any]
    ) -> None:
        await create_owner(session, owner_id=1)
        await session.exec(delete(table))
        await session.exec(insert(table).values(row))
        with pytest.raises(IntegrityError):
            await session.exec(insert(table).values(row))
        await session.rollback()

    async def test_database_refuses_to_delete_an_owner_with_items(
        self, session: WriteSession
    ) -> None:
        await create_owner(session, owner_id=1)
        await create_items(session, {})
        with pytest.raises(IntegrityError):
            await session.exec(delete(Owner))
        await session.rollback()

    async def test_database_never_reuses_an_id(self, session: WriteSession) -> None:
        await create_owner(session, owner_id=1)
        before = await create_items(session, {}, {})
        await session.exec(delete(Item))
        after = await create_items(session, {}, {})
        assert max(before) < min(after)
