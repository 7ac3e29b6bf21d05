"""Other services that may ask for tokens in their own name (RFC 6749, 4.4)."""

import hashlib
import hmac
import secrets

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession as ReadSession
from sqlmodel import col

from app.errors import InvalidClient
from app.models import ServiceClient
from chassis.db.database import WriteSession

_SECRET_HASH = select(col(ServiceClient.secret_hash)).where(
    col(ServiceClient.client_id) == bindparam("client_id")
)


async def create_client(session: WriteSession, client_id: str, secret: str | None = None) -> str:
    """Register a client, or give an existing one a new secret. Returns the secret: it's kept only as a hash.

    A `secret` that is handed in has to be as hard to guess as one that is made here.
    """
    secret = secret or secrets.token_urlsafe(32)
    await session.merge(ServiceClient(client_id=client_id, secret_hash=_hash(secret)))
    await session.flush()
    return secret


async def authenticate(session: ReadSession, client_id: str, secret: str) -> None:
    """Raises:
    InvalidClient: unknown id or wrong secret, which it doesn't tell apart.
    """
    stored = await session.scalar(_SECRET_HASH, {"client_id": client_id})
    if not hmac.compare_digest(stored or "", _hash(secret)):
        raise InvalidClient


def _hash(secret: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
