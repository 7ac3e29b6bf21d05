"""The measured routes as a bare Starlette and asyncpg app: the same SQL, and the same bytes in the body.

No middleware, no metrics, no log, no validation; a token is checked where the route requires one.
"""

import json
import os
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypedDict
from urllib.parse import parse_qsl

import anyio.to_thread
import argon2  # type: ignore[import-not-found] # the users service has it
import asyncpg  # type: ignore[import-untyped]
import jwt
from jwt import PyJWK
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

SIZE = 20
MAX_COUNTED = 5_000

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
) ELSE (SELECT count(*) FROM (SELECT 1 FROM items LIMIT 5001) AS bounded) END
"""
INSERT_ITEM = """
WITH owner AS (SELECT id, name FROM owners WHERE id = $1 AND is_active AND NOT is_deleted FOR SHARE)
INSERT INTO items (owner_id, name, description, price_cents, search_text, version, created_at, updated_at)
SELECT owner.id, $2, $3, $4, $5, 1, $6, $6 FROM owner
RETURNING id, name, description, price_cents, owner_id, (SELECT name FROM owner) AS owner_name,
          created_at, updated_at, version
"""
ACCOUNT = """
SELECT users.id, users.email, users.email_verified, users.name, users.role, users.is_active, users.created_at
FROM users JOIN refresh_families ON refresh_families.user_id = users.id
WHERE users.id = $1 AND users.is_active AND refresh_families.id = $2 AND refresh_families.revoked_at IS NULL
  AND refresh_families.expires_at > $3
"""
STORED_HASH = "SELECT password_hash FROM users WHERE email = $1"


class State(TypedDict):
    items: asyncpg.Pool
    users: asyncpg.Pool
    key: PyJWK


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[State]:
    items = asyncpg.create_pool(os.environ["REFERENCE_ITEMS_DATABASE"])
    users = asyncpg.create_pool(os.environ["REFERENCE_USERS_DATABASE"])
    async with items, users:
        key = PyJWK(json.loads(os.environ["REFERENCE_KEY"]))
        yield State(items=items, users=users, key=key)


async def read_item(request: Request) -> Response:
    item_id = int(request.path_params["item_id"])
    row = await request.state.items.fetchrow(ITEM_BY_ID, item_id)
    return Response(status_code=404) if row is None else answer(item_view(row))


async def list_items(request: Request) -> Response:
    async with request.state.items.acquire() as connection:
        total = await connection.fetchval(COUNT_ITEMS)
        rows = await connection.fetch(FIRST_ITEMS, SIZE + 1)
    shown, counted = rows[:SIZE], min(total, MAX_COUNTED)
    page = {
        "items": [item_view(row) for row in shown],
        "total": counted,
        "total_is_exact": total <= MAX_COUNTED,
        "page": 1,
        "size": SIZE,
        "pages": -(-counted // SIZE),
        "next": cursor(shown[-1]) if len(rows) > SIZE else None,
    }
    return answer(page)


async def create_item(request: Request) -> Response:
    user_id = int(signed_in(request)["sub"])
    body, now = await request.json(), datetime.now(UTC)
    cents = int(Decimal(body["price"]) * 100)
    search_text = f"{body['name']}\n{body['description']}".casefold()
    values = (body["name"], body["description"], cents, search_text, now)
    async with request.state.items.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(INSERT_ITEM, user_id, *values)
    return answer(item_view(row), status=201)


async def read_me(request: Request) -> Response:
    claims, now = signed_in(request), datetime.now(UTC)
    row = await request.state.users.fetchrow(ACCOUNT, int(claims["sub"]), int(claims["sid"]), now)
    return answer({**row, "created_at": timestamp(row["created_at"])})


async def create_token(request: Request) -> Response:
    form = dict(parse_qsl((await request.body()).decode()))
    stored = await request.state.users.fetchval(STORED_HASH, form["username"])
    await anyio.to_thread.run_sync(argon2.PasswordHasher().verify, stored, form["password"])
    tokens = {"access_token": "a.b.c", "token_type": "bearer", "expires_in": 900}
    return answer({**tokens, "refresh_token": 43 * "r"})


def signed_in(request: Request) -> dict[str, Any]:
    token = request.headers["authorization"].removeprefix("Bearer ")
    claims: dict[str, Any] = jwt.decode(
        token, request.state.key, algorithms=["EdDSA"], audience="users", issuer="users"
    )
    return claims


def item_view(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "price": f"{Decimal(row['price_cents']).scaleb(-2):.2f}",
        "owner": {"id": row["owner_id"], "name": row["owner_name"]},
        "created_at": timestamp(row["created_at"]),
        "updated_at": timestamp(row["updated_at"]),
    }


def timestamp(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def cursor(row: Any) -> str:
    place = ["-created_at", 2, row["created_at"].isoformat(), row["id"]]
    raw = json.dumps(place, separators=(",", ":")).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def answer(body: dict[str, Any], *, status: int = 200) -> Response:
    content = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    return Response(content, status, media_type="application/json")


app = Starlette(
    routes=[
        Route("/items/", list_items),
        Route("/items/", create_item, methods=["POST"]),
        Route("/items/{item_id}", read_item),
        Route("/users/me", read_me),
        Route("/auth/token", create_token, methods=["POST"]),
    ],
    lifespan=lifespan,
)
