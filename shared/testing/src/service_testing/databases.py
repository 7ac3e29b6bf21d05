"""Creates, empties and drops databases."""

import asyncio
from collections.abc import Collection
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.db.database import migration_engine

# Virtual tables are last, because triggers of the others may write to them. One that indexes the text of another
# table, or of none, has no rows of its own.
_SQLITE_DELETES = """
    SELECT t.name AS name, CASE WHEN t.type = 'virtual' AND replace(m.sql, ' ', '') LIKE '%fts5(%,content=%'
        THEN printf('INSERT INTO "%w" ("%w") VALUES (''delete-all'')', t.name, t.name)
        ELSE printf('DELETE FROM "%w"', t.name) END AS statement
    FROM pragma_table_list AS t JOIN sqlite_master AS m ON m.name = t.name
    WHERE t.schema = 'main' AND t.type IN ('table', 'virtual') AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    ORDER BY t.type
"""
# Without the tables of extensions, which have rows of their own.
_POSTGRES_DELETES = """
    SELECT relname AS name, format('DELETE FROM %I.%I', nspname, relname) AS statement
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND nspname !~ '^pg_' AND nspname <> 'information_schema' AND NOT EXISTS (
        SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
    )
"""


def sqlite_url(file: Path) -> str:
    """The URL of a file, whatever its path has in it."""
    return URL.create("sqlite", database=str(file)).render_as_string()


def create_database(server_url: str, name: str) -> str:
    """Create an empty PostgreSQL database. Returns its URL."""
    url = make_url(server_url).set(database=name).render_as_string(hide_password=False)
    asyncio.run(_administer(server_url, f'CREATE DATABASE "{name}"'))
    return url


def drop_database(server_url: str, name: str) -> None:
    """Drop a PostgreSQL database, and end the connections to it."""
    asyncio.run(_administer(server_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


async def _administer(server_url: str, statement: str) -> None:
    # Not by SQLAlchemy, because the server's own database isn't one for tests.
    dsn = make_url(server_url).set(drivername="postgresql")
    connection = await asyncpg.connect(dsn.render_as_string(hide_password=False))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def delete_rows(engine: AsyncEngine, *, keep_tables: Collection[str]) -> None:
    """Empty all tables except these and Alembic's. Sequences aren't reset."""
    is_sqlite = engine.dialect.name == "sqlite"
    async with engine.begin() as connection:
        # As `text` it would take the colons of a cast for parameters.
        rows = await connection.exec_driver_sql(_SQLITE_DELETES if is_sqlite else _POSTGRES_DELETES)
        deletes = [
            row.statement for row in rows if row.name not in {"alembic_version", *keep_tables}
        ]
        for statement in _on_sqlite(deletes) if is_sqlite else _on_postgres(deletes):
            await connection.exec_driver_sql(statement)


async def delete_all_rows(url: str) -> None:
    """Empty all tables except Alembic's, on a new connection."""
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
