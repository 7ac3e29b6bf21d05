"""The tables of the items database. Constraints enforce every rule that a database can enforce."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, Text
from sqlmodel import Field, SQLModel

import chassis.auth.stored_keys  # noqa: F401 - its table is in this database, too
from chassis.auth.tokens import Role
from chassis.db.columns import (
    NAME_LENGTH,
    NAMING_CONVENTION,
    UtcDateTime,
    big_id,
    sortable_text,
    utc_now,
)
from chassis.web.idempotency import StoredAnswer

SQLModel.metadata.naming_convention = NAMING_CONVENTION
metadata = SQLModel.metadata


class Owner(SQLModel, table=True):
    """A user, as far as this service knows (ADR 0022). The users service is the authority."""

    __tablename__ = "owners"
    __table_args__ = (
        CheckConstraint("id >= 1", name="id"),
        CheckConstraint(NAME_LENGTH, name="name_length"),
        CheckConstraint("version >= 0", name="version"),
        CheckConstraint("role IN ('user', 'admin')", name="role"),
    )

    id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    """The user's id."""
    name: str = Field(sa_type=String(120))
    is_active: bool = True
    role: Role | None = Field(default=None, sa_type=String(16))
    """Null: no event has told it yet."""
    version: int = 0
    """The version of the account; 0 after a lookup, so that any event is newer."""
    is_deleted: bool = False
    """A tombstone: no late event can bring the owner back."""


class Item(SQLModel, table=True):
    __tablename__ = "items"
    __table_args__ = (
        CheckConstraint(NAME_LENGTH, name="name_length"),
        CheckConstraint("length(description) <= 2000", name="description_length"),
        CheckConstraint("price_cents BETWEEN 0 AND 9999999999", name="price_range"),
        CheckConstraint("version >= 1", name="version"),
        # One per order that a list can have; the id makes each order total.
        Index("ix_items_created_at", "created_at", "id"),
        # It includes the owner, who may be deleted: a price range is counted in the index alone.
        Index("ix_items_price_cents", "price_cents", "id", postgresql_include=["owner_id"]),
        Index("ix_items_name", "name", "id"),
        Index("ix_items_owner_id", "owner_id", "created_at", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int = Field(default=None, primary_key=True, sa_type=big_id(), sa_column_args=(Identity(),))
    owner_id: int = Field(sa_type=BigInteger, sa_column_args=(ForeignKey("owners.id"),))
    name: str = Field(sa_type=sortable_text(120))
    description: str | None = Field(default=None, sa_type=Text)
    price_cents: int = Field(sa_type=BigInteger)
    """An integer, because SQLite has no exact decimals."""
    search_text: str = Field(default="", sa_type=Text)
    """Name and description, folded. On PostgreSQL it has a trigram index."""
    version: int = 1
    """Grows with every change of the item."""
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class ItemRemoval(SQLModel, table=True):
    """A deleted owner whose items are still to be deleted. Created together with the tombstone."""

    __tablename__ = "item_removals"

    owner_id: int = Field(
        primary_key=True,
        sa_type=BigInteger,
        sa_column_args=(ForeignKey("owners.id"),),
        sa_column_kwargs={"autoincrement": False},
    )
    requested_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class ReceivedEvent(SQLModel, table=True):
    """An event that was applied. A second delivery of it has no effect."""

    __tablename__ = "received_events"
    __table_args__ = (
        CheckConstraint("length(source) BETWEEN 1 AND 255", name="source_length"),
        CheckConstraint("length(event_id) BETWEEN 1 AND 255", name="event_id_length"),
    )

    source: str = Field(primary_key=True, sa_type=String(255))
    event_id: str = Field(primary_key=True, sa_type=String(255))
    received_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)


class CreatedItem(StoredAnswer, table=True):
    """The answer to a request that created an item with an `Idempotency-Key`."""

    __tablename__ = "created_items"
    __table_args__ = (CheckConstraint("length(key) BETWEEN 1 AND 255", name="key_length"),)


class Resync(SQLModel, table=True):
    """A run of `resync`, which reads all users from the users service."""

    __tablename__ = "resyncs"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int = Field(default=None, primary_key=True, sa_type=big_id(), sa_column_args=(Identity(),))
    started_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Null while it is running, and for ever after it failed."""
