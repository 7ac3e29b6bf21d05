"""Columns that behave the same on SQLite and PostgreSQL."""

import unicodedata
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Dialect,
    Float,
    Integer,
    SQLColumnExpression,
    String,
    literal,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
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


class _FromNow(GenericFunction[datetime]):
    inherit_cache = True
    type = UtcDateTime()


class _SecondsUntil(GenericFunction[float]):
    inherit_cache = True
    type = Float()


def from_now(seconds: float | ColumnElement[float] = 0.0) -> ColumnElement[datetime]:
    """The time by the database's clock, so many seconds later.

    The processes that share a database may have clocks that differ. What they agree on, such as when
    a lease ends, is written and compared by this clock. Within a transaction on PostgreSQL it stands still.
    """
    return _FromNow(seconds if isinstance(seconds, ColumnElement) else literal(seconds, Float()))


def seconds_until(moment: SQLColumnExpression[datetime]) -> ColumnElement[float]:
    """The seconds from now until a time, by the database's clock. Negative: it has passed."""
    return _SecondsUntil(moment)


@compiles(_FromNow, "postgresql")
def _from_now_on_postgres(element: _FromNow, compiler: Any, **options: Any) -> str:
    return f"now() + make_interval(secs => {compiler.process(element.clauses, **options)})"


@compiles(_FromNow, "sqlite")
def _from_now_on_sqlite(element: _FromNow, compiler: Any, **options: Any) -> str:
    # As many digits as a stored time has, because SQLite compares times as texts.
    seconds = compiler.process(element.clauses, **options)
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', {seconds} || ' seconds')"


@compiles(_SecondsUntil, "postgresql")
def _seconds_until_on_postgres(element: _SecondsUntil, compiler: Any, **options: Any) -> str:
    return f"extract(epoch FROM {compiler.process(element.clauses, **options)} - now())::float8"


@compiles(_SecondsUntil, "sqlite")
def _seconds_until_on_sqlite(element: _SecondsUntil, compiler: Any, **options: Any) -> str:
    moment = compiler.process(element.clauses, **options)
    return f"(julianday({moment}) - julianday('now')) * 86400.0"
