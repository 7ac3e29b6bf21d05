"""Items by the million, without a request for each."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db.database import Database

ITEMS_PER_OWNER = 100
RARE_WORD, RARE_ITEMS = "zirconium", 20
COMMON_WORD = "hardly"

_NUMBERS = (
    "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)"
)
_OWNERS = """
INSERT INTO owners (id, name, is_active, version, is_deleted)
{numbers} SELECT n, 'Owner ' || n, true, 1, false FROM numbers
"""
# Neighbours in one order are far apart in every other one.
_ITEMS = """
INSERT INTO items (owner_id, name, description, price_cents, search_text, version, created_at,
                   updated_at)
{numbers}, texts (n, name, description) AS (
  SELECT n, 'Engine ' || n, 'Brass, hardly used' || CASE WHEN n <= :rare THEN ', zirconium' ELSE '' END
  FROM numbers
)
SELECT 1 + n % :owners, name, description, (n * 919) % 100000, lower(name || '\n' || description), 1,
       {created_at}, {created_at}
FROM texts
"""
_CREATED_AT = {
    "postgresql": "now() - (n * 1009 % 1000003) * interval '1 second'",
    "sqlite": "datetime('now', '-' || (n * 1009 % 1000003) || ' seconds')",
}
_ALL_VISIBLE = "SELECT relallvisible >= relpages FROM pg_class WHERE relname = 'items'"
_TRIGRAMS = "SELECT indexname, indexdef FROM pg_indexes WHERE indexname LIKE '%\\_trgm'"


async def fill(database: Database, items: int) -> None:
    """So many items of as many owners as it takes."""
    owners = max(items // ITEMS_PER_OWNER, 1)
    dialect = database.write_engine.dialect.name
    statement = _ITEMS.format(numbers=_NUMBERS, created_at=_CREATED_AT[dialect])
    async with database.transaction() as session:
        await session.execute(text(_OWNERS.format(numbers=_NUMBERS)), {"count": owners})
        trigrams = list(await session.execute(text(_TRIGRAMS))) if dialect == "postgresql" else []
        for name, _ in trigrams:  # built at the end, it takes a tenth of the time
            await session.execute(text(f"DROP INDEX {name}"))
        values = {"count": items, "owners": owners, "rare": RARE_ITEMS}
        await session.execute(text(statement), values)
        for _, definition in trigrams:
            await session.execute(text(definition))
    async with database.write_engine.execution_options(isolation_level="AUTOCOMMIT").connect() as c:
        await _tidy(c)


async def _tidy(connection: AsyncConnection) -> None:
    """What a database does by itself some time after so many rows have come."""
    if connection.dialect.name == "sqlite":
        await connection.execute(text("ANALYZE"))
        return
    await connection.execute(text("VACUUM ANALYZE"))
    # Autovacuum, which may be at work in the new rows, keeps VACUUM from having done with all of them.
    while not await connection.scalar(text(_ALL_VISIBLE)):
        await asyncio.sleep(0.1)
        await connection.execute(text("VACUUM items"))
