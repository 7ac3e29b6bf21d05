"""Items and their owners, inserted into the database of the items service."""

import asyncio

import asyncpg  # type: ignore[import-untyped]

_ITEMS_PER_OWNER, _RARE_ITEMS = 100, 20
# Neighbours in one order are far apart in every other order. The owner of an account may have come as an event.
_INSERT = """
WITH inserted AS (
  INSERT INTO owners (id, name, is_active, version, is_deleted)
  SELECT n, 'Owner ' || n, true, 1, false FROM generate_series(1, $2::int) AS n ON CONFLICT DO NOTHING
)
INSERT INTO items (owner_id, name, description, price_cents, search_text, version, created_at, updated_at)
SELECT 1 + n % $2::int, name, description, (n::bigint * 919) % 100000, lower(name || E'\n' || description), 1,
       created_at, created_at
FROM generate_series(1, $1::int) AS n,
  LATERAL (SELECT 'Engine ' || n AS name,
                  'Brass, hardly used' || CASE WHEN n <= $3::int THEN ', zirconium' ELSE '' END
                  AS description,
                  now() - (n::bigint * 1009 % 1000003) * interval '1 second' AS created_at) AS texts
"""
_TRIGRAMS = "SELECT indexname, indexdef FROM pg_indexes WHERE indexname LIKE '%\\_trgm'"
_ALL_VISIBLE = "SELECT relallvisible >= relpages FROM pg_class WHERE relname = 'items'"


async def insert_items(database_url: str, count: int) -> int:
    """Insert and vacuum, as autovacuum does some time later. Returns the id of an item."""
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as database:
        # A trigram index that is created at the end takes a tenth of the time.
        trigrams = await database.fetch(_TRIGRAMS)
        for name, _ in trigrams:
            await database.execute(f"DROP INDEX {name}")
        owners = max(count // _ITEMS_PER_OWNER, 1)
        await database.execute(_INSERT, count, owners, _RARE_ITEMS)
        for _, definition in trigrams:
            await database.execute(definition)
        await database.execute("VACUUM ANALYZE")
        # While autovacuum works in the new rows, VACUUM doesn't finish with all of them.
        while not await database.fetchval(_ALL_VISIBLE):
            await asyncio.sleep(0.1)
            await database.execute("VACUUM items")
        item_id: int = await database.fetchval("SELECT min(id) FROM items")
        return item_id
