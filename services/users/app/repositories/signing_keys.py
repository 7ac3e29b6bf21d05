"""Signing keys in the database."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, delete, or_, update
from sqlmodel import col, select

from app.models import SigningKey
from chassis.db.database import serialise
from chassis.db.sessions import ReadSession, WriteSession

_LOCK_ID = 0x6B657973  # "keys"


class StoredKey(NamedTuple):
    """A signing key as it is stored: its private half is a PEM text that may be encrypted."""

    key_id: str
    private_pem: str
    activates_at: datetime
    expires_at: datetime | None


_UNEXPIRED = (
    select(
        col(SigningKey.key_id),
        col(SigningKey.private_pem),
        col(SigningKey.activates_at),
        col(SigningKey.expires_at),
    )
    .where(or_(col(SigningKey.expires_at).is_(None), col(SigningKey.expires_at) > bindparam("now")))
    .order_by(col(SigningKey.activates_at))
)


class SigningKeyQueries:
    """Reads signing keys."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def list_unexpired(self, now: datetime) -> list[StoredKey]:
        """Keys that are still published, in the order in which they become active."""
        return [StoredKey(*row) for row in await self._session.all(_UNEXPIRED, {"now": now})]


class SigningKeyRepository:
    """Writes signing keys."""

    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def lock(self) -> None:
        """Let no other transaction change the keys until this one ends."""
        await serialise(self._session, _LOCK_ID)

    async def list_unexpired(self, now: datetime) -> list[StoredKey]:
        """Like `SigningKeyQueries.list_unexpired`, in this transaction."""
        rows = await self._session.exec(_UNEXPIRED, params={"now": now})
        return [StoredKey(*row) for row in rows]

    async def add(self, key: SigningKey) -> None:
        self._session.add(key)
        await self._session.flush()

    async def expire_current(self, expires_at: datetime) -> None:
        """Give every key that has no end yet this one."""
        current = update(SigningKey).where(col(SigningKey.expires_at).is_(None))
        await self._session.exec(current.values(expires_at=expires_at))

    async def expire_all(self, now: datetime) -> None:
        """Publish none of the keys any longer."""
        unexpired = or_(col(SigningKey.expires_at).is_(None), col(SigningKey.expires_at) > now)
        await self._session.exec(update(SigningKey).where(unexpired).values(expires_at=now))

    async def delete_expired(self, now: datetime) -> int:
        """Delete keys that are no longer published. Returns how many."""
        expired = delete(SigningKey).where(col(SigningKey.expires_at) <= now)
        deleted = await self._session.exec(expired.returning(col(SigningKey.key_id)))
        return len(deleted.all())
