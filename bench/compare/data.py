"""What is in the databases while they are compared: one seller who is signed in, and their items."""

import asyncio
from dataclasses import dataclass

import asyncpg  # type: ignore[import-untyped]
import httpx
from stack import wait_for

from compare.servers import Servers

ITEMS = 1_000
CREDENTIALS = {"username": "ada@example.com", "password": "correct horse battery"}

_FILL = """
INSERT INTO items (owner_id, name, description, price_cents, search_text, version, created_at,
                   updated_at)
SELECT $1, 'Engine ' || n, 'Brass, hardly used.', 999 + n, 'engine ' || n || E'\nbrass, hardly used.',
       1, now() - n * interval '1 second', now() - n * interval '1 second'
FROM generate_series(1, $2) AS n
"""


@dataclass(frozen=True, kw_only=True)
class Seller:
    token: str
    item_id: int


def prepare(servers: Servers) -> Seller:
    """Register, sign in, and put `ITEMS` items up."""
    with httpx.Client(base_url=servers.users.url, trust_env=False) as users:
        account = {"email": CREDENTIALS["username"], "password": CREDENTIALS["password"]}
        user_id = users.post("/users/", json={**account, "name": "Ada"}).json()["id"]
        token = users.post("/auth/token", data=CREDENTIALS).json()["access_token"]
    wait_for(lambda: asyncio.run(_knows_owner(servers, user_id)), "items to know the seller")
    return Seller(token=token, item_id=asyncio.run(_fill(servers.items_database, user_id)))


async def _knows_owner(servers: Servers, user_id: int) -> bool:
    connection = await asyncpg.connect(servers.items_database)
    try:
        found = await connection.fetchval("SELECT id FROM owners WHERE id = $1", user_id)
        return found is not None
    finally:
        await connection.close()


async def _fill(database: str, owner_id: int) -> int:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(_FILL, owner_id, ITEMS)
        await connection.execute("ANALYZE")
        item_id: int = await connection.fetchval("SELECT min(id) FROM items")
        return item_id
    finally:
        await connection.close()
