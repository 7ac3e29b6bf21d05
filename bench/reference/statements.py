"""The SQL of the product's routes, as asyncpg takes it."""

ITEM = """
SELECT items.id, items.name, items.description, items.price_cents, items.owner_id,
       owners.name AS owner_name, items.created_at, items.updated_at, items.version
FROM items LEFT JOIN owners ON owners.id = items.owner_id
WHERE items.owner_id NOT IN (SELECT owner_id FROM item_removals)
"""
ITEM_BY_ID = f"{ITEM} AND items.id = $1"
FIRST_ITEMS = f"{ITEM} ORDER BY items.created_at DESC, items.id DESC LIMIT $1"
COUNT_ITEMS = """
SELECT CASE WHEN EXISTS (SELECT owner_id FROM item_removals) THEN (
  SELECT count(*) FROM (
    SELECT 1 FROM items WHERE owner_id NOT IN (SELECT owner_id FROM item_removals) LIMIT 5001
  ) AS bounded
) ELSE (
  SELECT count(*) FROM (
    SELECT 1 FROM items LIMIT 5001
  ) AS bounded
) END
"""
KNOWN_OWNER = "SELECT id FROM owners WHERE id = $1"
OWNER_FOR_SHARE = (
    "SELECT id, name, is_active, version, is_deleted FROM owners WHERE id = $1 FOR SHARE"
)
INSERT_ITEM = """
INSERT INTO items (owner_id, name, description, price_cents, search_text, version, created_at,
                   updated_at)
VALUES ($1, $2, $3, $4, $5, 1, $6, $6)
RETURNING id, owner_id, name, description, price_cents, search_text, version, created_at, updated_at
"""
ACCOUNT = "SELECT id, email, name, role, is_active, created_at FROM users WHERE id = $1"
PASSWORD_HASH = "SELECT id, password_hash FROM users WHERE email_key = $1"  # noqa: S105 - no password
