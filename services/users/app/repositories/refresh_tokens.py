"""Logins and their refresh tokens in the database."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, bindparam, delete, or_, update
from sqlmodel import col, select

from app.models import RefreshFamily, RefreshToken, User
from chassis.auth.tokens import Role
from chassis.db.sessions import WriteSession


class Holder(NamedTuple):
    """The account that a login belongs to."""

    user_id: int
    role: Role
    signed_in_at: datetime


_FAMILY_ID_BY_HASH = select(RefreshToken.family_id).where(
    col(RefreshToken.token_hash) == bindparam("token_hash")
)
_FAMILY_BY_HASH_FOR_UPDATE = (
    select(RefreshFamily.id)
    .join(RefreshToken, col(RefreshToken.family_id) == col(RefreshFamily.id))
    .where(col(RefreshToken.token_hash) == bindparam("token_hash"))
    .with_for_update(of=RefreshFamily, key_share=True)
)
_HOLDER_OF_LIVE_FAMILY = (
    select(col(User.id), col(User.role), col(RefreshFamily.created_at))
    .join(RefreshFamily, col(RefreshFamily.user_id) == col(User.id))
    .where(
        col(RefreshFamily.id) == bindparam("family_id"),
        col(RefreshFamily.revoked_at).is_(None),
        col(RefreshFamily.expires_at) > bindparam("now"),
        col(User.is_active),
    )
)


class RefreshTokenRepository:
    """Reads and writes logins (families) and their tokens."""

    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def add_family(self, user_id: int, expires_at: datetime) -> RefreshFamily:
        family = RefreshFamily(user_id=user_id, expires_at=expires_at)
        self._session.add(family)
        await self._session.flush()
        return family

    async def add_token(self, family_id: int, token_hash: str) -> None:
        self._session.add(RefreshToken(token_hash=token_hash, family_id=family_id))
        await self._session.flush()

    async def get_family_id(self, token_hash: str) -> int | None:
        found = await self._session.exec(_FAMILY_ID_BY_HASH, params={"token_hash": token_hash})
        return found.one_or_none()

    async def lock_family(self, token_hash: str) -> None:
        """Lock the family that the token belongs to, if there is one, until the transaction ends."""
        await self._session.exec(_FAMILY_BY_HASH_FOR_UPDATE, params={"token_hash": token_hash})

    async def use_token(self, token_hash: str, now: datetime) -> int | None:
        """Mark a token as used. Returns its family's id; None: it is unknown or was used before."""
        unused = update(RefreshToken).where(
            col(RefreshToken.token_hash) == token_hash, col(RefreshToken.used_at).is_(None)
        )
        return await self._session.scalar(
            unused.values(used_at=now).returning(col(RefreshToken.family_id))
        )

    async def get_holder(self, family_id: int, now: datetime) -> Holder | None:
        """The active account behind a family that is neither revoked nor expired."""
        values = {"family_id": family_id, "now": now}
        row = (await self._session.exec(_HOLDER_OF_LIVE_FAMILY, params=values)).one_or_none()
        return Holder(*row) if row else None

    async def revoke_family(self, family_id: int, now: datetime) -> None:
        await self._revoke(col(RefreshFamily.id) == family_id, now)

    async def revoke_families_of(self, user_id: int, now: datetime) -> None:
        await self._revoke(col(RefreshFamily.user_id) == user_id, now)

    async def delete_families_ended_before(self, moment: datetime) -> int:
        """Delete families, with their tokens. Returns how many."""
        ended = or_(col(RefreshFamily.expires_at) < moment, col(RefreshFamily.revoked_at) < moment)
        deleted = await self._session.exec(
            delete(RefreshFamily).where(ended).returning(col(RefreshFamily.id))
        )
        return len(deleted.all())

    async def _revoke(self, condition: ColumnElement[bool], now: datetime) -> None:
        live = update(RefreshFamily).where(condition, col(RefreshFamily.revoked_at).is_(None))
        await self._session.exec(live.values(revoked_at=now))
