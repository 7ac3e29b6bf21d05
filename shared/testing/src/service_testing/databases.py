"""Test databases: creating, emptying and dropping them, and refusing every other database."""

import asyncio
import re
from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.db.database import migration_engine, parse_url

_SQLITE_TABLES = (
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
)
_POSTGRES_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"


class NotATestDatabase(Exception):
    """The URL names a database that may contain real data."""


def refuse_real_database(url: str) -> None:
    """Refuse a database without the word `test` in its name, as in `test_notes` or `notes-test`.

    Raises:
        NotATestDatabase: also for `latest` and `contest`.
    """
    name = (parse_url(url).database or "").replace("\\", "/").rpartition("/")[2]
    if not re.search(r"(?<![a-z])test(?![a-z])", name.lower()):
        raise NotATestDatabase(
            f"The tests would change the database {name!r}, whose name doesn't mark it as a test "
            'database: give it a name with the word "test" in it, such as test_notes.'
        )


def create_database(server_url: str, name: str) -> str:
    """Create an empty PostgreSQL database. Returns its URL."""
    url = make_url(server_url).set(database=name).render_as_string(hide_password=False)
    refuse_real_database(url)
    asyncio.run(_administer(server_url, f'CREATE DATABASE "{name}"'))
    return url


def drop_database(server_url: str, name: str) -> None:
    """Drop a PostgreSQL database, and end the connections to it."""
    asyncio.run(_administer(server_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


async def _administer(server_url: str, statement: str) -> None:
    engine = migration_engine(server_url).execution_options(isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text(statement))
    finally:
        await engine.dispose()


async def delete_rows(engine: AsyncEngine, *, keep_tables: Collection[str]) -> None:
    """Empty all tables except these and Alembic's. Sequences aren't reset."""
    is_sqlite = engine.dialect.name == "sqlite"
    async with engine.begin() as connection:
        names = await connection.scalars(text(_SQLITE_TABLES if is_sqlite else _POSTGRES_TABLES))
        tables = sorted(set(names) - {"alembic_version", *keep_tables})
        quoted = [engine.dialect.identifier_preparer.quote(table) for table in tables]
        for statement in _sqlite_deletes(quoted) if is_sqlite else _postgres_deletes(quoted):
            await connection.execute(text(statement))


async def delete_all_rows(url: str) -> None:
    """Empty all tables except Alembic's, on a new connection."""
    refuse_real_database(url)
    engine = migration_engine(url)
    try:
        await delete_rows(engine, keep_tables=())
    finally:
        await engine.dispose()


def _sqlite_deletes(tables: list[str]) -> list[str]:
    # Foreign keys are checked at the commit, when all tables are empty, so the order doesn't matter.
    deletes = [f"DELETE FROM {table}" for table in tables]  # noqa: S608 - names from the catalogue
    return ["PRAGMA defer_foreign_keys = ON", *deletes]


def _postgres_deletes(tables: list[str]) -> list[str]:
    # Foreign keys are checked at the end of a statement, so one statement empties all tables. TRUNCATE is twenty times
    # slower for a few rows, because it creates new files for each table and index.
    deletes = [f"t{number} AS (DELETE FROM {table})" for number, table in enumerate(tables)]  # noqa: S608
    statement = f"WITH {', '.join(deletes)} SELECT 1"
    # A transaction that a test left open would block this until the test times out.
    return ["SET LOCAL lock_timeout = '5s'", statement] if tables else []
