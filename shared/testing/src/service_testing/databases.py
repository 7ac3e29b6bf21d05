"""Test databases: creating, emptying and dropping them, and refusing every other database."""

import asyncio
import re
from collections.abc import Collection
from pathlib import Path

from sqlalchemy import URL, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.db.database import migration_engine, parse_url

# Virtual tables are last, because triggers of the others may write to them. One that indexes the text of another
# table, or of none, has no rows of its own.
_SQLITE_DELETES = """
    SELECT t.name, CASE WHEN t.type = 'virtual' AND replace(m.sql, ' ', '') LIKE '%fts5(%,content=%'
        THEN printf('INSERT INTO "%w" ("%w") VALUES (''delete-all'')', t.name, t.name)
        ELSE printf('DELETE FROM "%w"', t.name) END
    FROM pragma_table_list AS t JOIN sqlite_master AS m ON m.name = t.name
    WHERE t.schema = 'main' AND t.type IN ('table', 'virtual') AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    ORDER BY t.type
"""
# Without the tables of extensions, which have rows of their own.
_POSTGRES_DELETES = """
    SELECT relname, format('DELETE FROM %I.%I', nspname, relname)
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND nspname !~ '^pg_' AND nspname <> 'information_schema' AND NOT EXISTS (
        SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
    )
"""


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


def sqlite_url(file: Path) -> str:
    """The URL of a file, whatever its path has in it."""
    return URL.create("sqlite", database=str(file)).render_as_string()


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
        # As `text` it would take the colons of a cast for parameters.
        rows = await connection.exec_driver_sql(_SQLITE_DELETES if is_sqlite else _POSTGRES_DELETES)
        deletes = [row[1] for row in rows if row[0] not in {"alembic_version", *keep_tables}]
        for statement in _on_sqlite(deletes) if is_sqlite else _on_postgres(deletes):
            await connection.exec_driver_sql(statement)


async def delete_all_rows(url: str) -> None:
    """Empty all tables except Alembic's, on a new connection."""
    refuse_real_database(url)
    engine = migration_engine(url)
    try:
        await delete_rows(engine, keep_tables=())
    finally:
        await engine.dispose()


def _on_sqlite(deletes: list[str]) -> list[str]:
    # Foreign keys are checked at the commit, when all tables are empty, so the order doesn't matter.
    return ["PRAGMA defer_foreign_keys = ON", *deletes]


def _on_postgres(deletes: list[str]) -> list[str]:
    # Foreign keys are checked at the end of a statement, so one statement empties all tables. TRUNCATE is twenty times
    # slower for a few rows, because it creates new files for each table and index.
    named = [f"t{number} AS ({delete})" for number, delete in enumerate(deletes)]
    # A transaction that a test left open would block this until the test times out.
    return ["SET LOCAL lock_timeout = '5s'", f"WITH {', '.join(named)} SELECT 1"] if named else []
