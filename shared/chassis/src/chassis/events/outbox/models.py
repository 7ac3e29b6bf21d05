"""The tables of the outbox. Importing this module adds them to `SQLModel.metadata`."""

from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlmodel import Field, SQLModel

from chassis.db.columns import NAMING_CONVENTION, UtcDateTime, big_id

SQLModel.metadata.naming_convention = NAMING_CONVENTION

MAX_NAME_LENGTH = 63


class OutboxEvent(SQLModel, table=True):
    """An event, written in the transaction of the change that it reports."""

    __tablename__ = "outbox_events"
    __table_args__ = (
        CheckConstraint("version >= 1", name="version"),
        UniqueConstraint("aggregate_id", "version"),
        UniqueConstraint("event_id"),
        {"sqlite_autoincrement": True},
    )

    id: int = Field(default=None, primary_key=True, sa_type=big_id(), sa_column_args=(Identity(),))
    event_id: str = Field(sa_type=String(36))
    """Consumers recognise a repeated delivery by it."""
    aggregate_id: int = Field(sa_type=big_id())
    """What has changed. No foreign key: the event of a deletion outlives its subject."""
    version: int
    """The aggregate's version after the change. Its events are delivered in this order."""
    type: str = Field(sa_type=String(64))
    data: dict[str, JsonValue] = Field(sa_type=JSON(none_as_null=True))
    occurred_at: datetime = Field(sa_type=UtcDateTime, index=True)
    traceparent: str | None = Field(default=None, sa_type=String(64))
    request_id: str | None = Field(default=None, sa_type=String(128))


class OutboxSubscriber(SQLModel, table=True):
    """A subscriber that gets every event. A relay registers the ones of its settings."""

    __tablename__ = "outbox_subscribers"

    name: str = Field(primary_key=True, sa_type=String(MAX_NAME_LENGTH))
    registered_at: datetime = Field(sa_type=UtcDateTime)


class OutboxStream(SQLModel, table=True):
    """An aggregate's events that one subscriber hasn't received yet: those from `next_version` on.

    The row is removed when there are none. Relays lease streams, never single events, so each
    subscriber gets the events of an aggregate in order.
    """

    __tablename__ = "outbox_streams"
    __table_args__ = (
        CheckConstraint("failures >= 0", name="failures"),
        CheckConstraint("next_version >= 1", name="next_version"),
        Index("ix_outbox_streams_due_at", "subscriber", "due_at"),
    )

    aggregate_id: int = Field(
        primary_key=True, sa_type=big_id(), sa_column_kwargs={"autoincrement": False}
    )
    subscriber: str = Field(primary_key=True, sa_type=String(MAX_NAME_LENGTH))
    next_version: int
    due_at: datetime = Field(sa_type=UtcDateTime)
    """When a relay may lease it: at once, after a backoff, or when the current lease ends."""
    lease_token: str | None = Field(default=None, sa_type=String(32))
    """Identifies the current lease. A relay with another token has lost its lease."""
    failures: int = 0
    """Failed deliveries in a row."""
    last_error: str | None = Field(default=None, sa_type=Text)


class ParkedEvent(SQLModel, table=True):
    """An event that one subscriber refused. It waits for an operator, and delays no other event."""

    __tablename__ = "outbox_parked_events"

    event_number: int = Field(
        primary_key=True,
        sa_type=big_id(),
        sa_column_args=(ForeignKey("outbox_events.id"),),
        sa_column_kwargs={"autoincrement": False},
    )
    """The `id` of the event."""
    subscriber: str = Field(primary_key=True, sa_type=String(MAX_NAME_LENGTH))
    parked_at: datetime = Field(sa_type=UtcDateTime, index=True)
    reason: str = Field(sa_type=Text)
