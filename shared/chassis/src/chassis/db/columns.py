"""Columns that behave the same on SQLite and PostgreSQL."""

import unicodedata
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, String
from sqlalchemy.types import TypeDecorator

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names for what a model doesn't name, so that a migration can name it too."""

NAME_LENGTH = "length(trim(name)) >= 1 AND length(name) <= 120"
"""A check on a column `name`: what the field type `Name` accepts."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC. SQLite stores and returns naive times; this hides it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time has no meaning here; give it a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def big_id() -> Any:
    """BIGINT; on SQLite INTEGER, which has 64 bits, too, and is the only type with AUTOINCREMENT."""
    return BigInteger().with_variant(Integer(), "sqlite")


def sortable_text(length: int) -> Any:
    """Text that sorts by code point on every server, whatever its locale."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


LIKE_ESCAPE = "/"


def escaped_like(text: str) -> str:
    """A text for LIKE without wildcards."""
    for special in (LIKE_ESCAPE, "%", "_"):
        text = text.replace(special, LIKE_ESCAPE + special)
    return text


def fold(value: str) -> str:
    """The form in which two texts that differ only in case or composition are equal.

    SQLite's own `lower()` knows ASCII only, so both databases store and compare this form.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", value).casefold())


def utc_now() -> datetime:
    return datetime.now(UTC)
