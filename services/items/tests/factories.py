"""Test data: bodies of requests, rows in the database, and accounts of the users service.

pytest-randomly seeds faker before each test, so the report of a failed test shows how to get its data again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypedDict, Unpack

from sqlalchemy import insert
from sqlmodel import col

from app.models import Item, Owner
from app.repositories.items import search_text
from chassis.auth.tokens import Role
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession
from chassis.events.cloudevents import Event
from service_testing.events import create_event
from service_testing.factories import fake, override


class ItemData(TypedDict, total=False):
    """The body of `POST /items/`."""

    name: str
    description: str | None
    price: str | float


def create_item_data(**overrides: Unpack[ItemData]) -> ItemData:
    """A new item. For a value of a wrong type write `{**create_item_data(), "name": 1}`."""
    cents = fake.random_int(1, 99_999)
    defaults: ItemData = {
        "name": fake.unique.catch_phrase(),
        "description": fake.sentence(),
        "price": f"{cents // 100}.{cents % 100:02}",
    }
    return override(defaults, overrides)


async def create_owner(
    session: WriteSession,
    *,
    owner_id: int = 1,
    name: str = "Ada",
    is_active: bool = True,
    role: Role | None = None,
    version: int = 0,
    is_deleted: bool = False,
) -> None:
    """Store an owner and commit."""
    session.add(
        Owner(
            id=owner_id,
            name=name,
            is_active=is_active,
            role=role,
            version=version,
            is_deleted=is_deleted,
        )
    )
    await session.commit()


async def create_items(session: WriteSession, *rows: Mapping[str, Any]) -> list[int]:
    """Store items of existing owners, the last one the newest, and commit. Returns their ids.

    A row has the columns of `Item` that differ from the defaults, and may have its age in `age_seconds`.
    """
    now = utc_now()
    values = []
    for index, row in enumerate(rows):
        columns = {"owner_id": 1, "name": "Lamp", "description": None, "price_cents": 100, **row}
        created_at = now - timedelta(seconds=columns.pop("age_seconds", len(rows) - index))
        columns["search_text"] = search_text(columns["name"], columns["description"])
        values.append({**columns, "version": 1, "created_at": created_at, "updated_at": created_at})
    if not values:
        return []
    statement = insert(Item).returning(col(Item.id), sort_by_parameter_order=True)
    ids = list((await session.exec(statement, params=values)).scalars())
    await session.commit()
    return ids


@dataclass(frozen=True, kw_only=True)
class Account:
    """A state of an account of the users service. Each change creates the next state."""

    id: int = 7
    name: str = "Ada"
    is_active: bool = True
    role: Role = "user"
    version: int = 1

    def changed(self, **changes: Any) -> "Account":
        return replace(self, version=self.version + 1, **changes)

    @property
    def data(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "is_active": self.is_active,
            "role": self.role,
            "version": self.version,
        }

    def created(self) -> Event:
        return self._event("user.created")

    def updated(self) -> Event:
        return self._event("user.updated")

    def deleted(self) -> Event:
        """The event of a deletion in this state: the last state, with the next version."""
        return self.changed(is_active=False)._event("user.deleted")

    def _event(self, event_type: str) -> Event:
        return create_event(event_type, self.data, source="/users", subject=str(self.id))
