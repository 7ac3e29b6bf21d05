"""The items database. Rules that a database can hold are held here too, by constraints."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, Text
from sqlmodel import Field, SQLModel

from chassis.columns import (
    NAME_LENGTH,
    NAMING_CONVENTION,
    UtcDateTime,
    big_id,
    sortable_text,
    utc_now,
)

SQLModel.metadata.naming_convention = NAMING_CONVENTION
metadata = SQLModel.metadata


class Owner(SQLModel, table=True):
    """What this service knows of a user. The users service is the authority (ADR 0010)."""

    __tablename__ = "owners"
    __table_args__ = (
        CheckConstraint("id >= 1", name="id"),
        CheckConstraint(NAME_LENGTH, name="name_length"),
        CheckConstraint("version >= 0", name="version"),
    )

    id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    """The user's id."""
    name: str = Field(sa_type=String(120))
    is_active: bool = True
    version: int = 0
    """The user's version that this is; 0 when it was looked up, which any event supersedes."""
    is_deleted: bool = False
    """A tombstone: nothing that arrives late can bring the owner back."""


class Item(SQLModel, table=True):
    __tablename__ = "items"
    __table_args__ = (
        CheckConstraint(NAME_LENGTH, name="name_length"),
        CheckConstraint("length(description) <= 2000", name="description_length"),
        CheckConstraint("price_cents BETWEEN 0 AND 9999999999", name="price_range"),
        CheckConstraint("version >= 1", name="version"),
        # One per order that a list can have; the id makes each order total.
        Index("ix_items_created_at", "created_at", "id"),
        Index("ix_items_price_cents", "price_cents", "id"),
        Index("ix_items_name", "name", "id"),
        Index("ix_items_owner_id", "owner_id", "created_at", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(
        default=None, primary_key=True, sa_type=big_id(), sa_column_args=(Identity(),)
    )
    owner_id: int = Field(sa_type=BigInteger, sa_column_args=(ForeignKey("owners.id"),))
    name: str = Field(sa_type=sortable_text(120))
    description: str | None = Field(default=None, sa_type=Text)
    price_cents: int = Field(sa_type=BigInteger)
    """An integer, because SQLite has no exact decimals."""
    search_text: str = Field(sa_type=Text)
    """Name and description, folded. On PostgreSQL it has a trigram index (see the migration)."""
    version: int = 1
    """Grows with every change of the item."""
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class PublishedKeys(SQLModel, table=True):
    """The users service's last good key set: tokens can be verified while that service is away."""

    __tablename__ = "published_keys"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    document: str = Field(sa_type=Text)
    fetched_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
