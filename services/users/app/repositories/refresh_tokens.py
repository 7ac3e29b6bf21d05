"""Sessions and their refresh tokens in the database. In the tables, a session is a family of tokens."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, bindparam, delete, func, or_, true, update
from sqlalchemy import select as select_columns
from sqlmodel import col, select

from app.models import RefreshFamily, RefreshToken, User
from chassis.auth.tokens import Role
from chassis.db.sessions import ReadSession, WriteSession


class Holder(NamedTuple):
    """The account that a session belongs to."""

    user_id: int
    role: Role
    session_id: int
    signed_in_at: datetime


class OwnSession(NamedTuple):
    """A session as the account's holder sees it."""

    id: int
    created_at: datetime
    last_used_at: datetime
    user_agent: str | None
    current: bool


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
    select(col(User.id), col(User.role), col(RefreshFamily.id), col(RefreshFamily.created_at))
    .join(RefreshFamily, col(RefreshFamily.user_id) == col(User.id))
    .where(
        col(RefreshFamily.id) == bindparam("family_id"),
        col(RefreshFamily.revoked_at).is_(None),
        col(RefreshFamily.expires_at) > bindparam("now"),
        col(User.is_active),
    )
)


_LAST_USED_AT = func.coalesce(col(RefreshFamily.last_used_at), col(RefreshFamily.created_at))
_LIVE_OF_USER = (
    col(RefreshFamily.user_id) == bindparam("of_user"),
    col(RefreshFamily.revoked_at).is_(None),
    col(RefreshFamily.expires_at) > bindparam("now"),
)
_LATEST_FIRST = (_LAST_USED_AT.desc(), col(RefreshFamily.id).desc())
_OWN_SESSIONS = (
    select_columns(
        col(RefreshFamily.id),
        col(RefreshFamily.created_at),
        _LAST_USED_AT,
        col(RefreshFamily.user_agent),
        col(RefreshFamily.id) == bindparam("current_id"),
    )
    .where(*_LIVE_OF_USER)
    .order_by(*_LATEST_FIRST)
)
_LATEST_IDS = (
    select_columns(col(RefreshFamily.id))
    .where(*_LIVE_OF_USER)
    .order_by(*_LATEST_FIRST)
    .limit(bindparam("most"))
)


class SessionQueries:
    """Reads sessions."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def list_own(self, user_id: int, now: datetime, *, current_id: int) -> list[OwnSession]:
        """The sessions of an account that haven't ended, the one that was used last first."""
        values = {"of_user": user_id, "now": now, "current_id": current_id}
        return [OwnSession(*row) for row in await self._session.all(_OWN_SESSIONS, values)]


class RefreshTokenRepository:
    """Reads and writes sessions and their tokens."""

    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def add_family(
        self, user_id: int, expires_at: datetime, user_agent: str | None = None
    ) -> RefreshFamily:
        family = RefreshFamily(user_id=user_id, expires_at=expires_at, user_agent=user_agent)
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

    async def touch_family(self, family_id: int, now: datetime, expires_at: datetime) -> None:
        used = update(RefreshFamily).where(col(RefreshFamily.id) == family_id)
        await self._session.exec(used.values(last_used_at=now, expires_at=expires_at))

    async def revoke_family_of(self, user_id: int, family_id: int, now: datetime) -> bool:
        """End a session of an account. Returns whether it had such a session."""
        live = update(RefreshFamily).where(*_LIVE_OF_USER, col(RefreshFamily.id) == family_id)
        values = {"of_user": user_id, "now": now}
        revoked = live.values(revoked_at=now).returning(col(RefreshFamily.id))
        return await self._session.scalar(revoked, params=values) is not None

    async def revoke_all_but_latest(self, user_id: int, most: int, now: datetime) -> None:
        """End sessions of an account, so that at most so many are left."""
        others = update(RefreshFamily).where(
            *_LIVE_OF_USER, col(RefreshFamily.id).not_in(_LATEST_IDS)
        )
        values = {"of_user": user_id, "now": now, "most": most}
        await self._session.exec(others.values(revoked_at=now), params=values)

    async def get_user_id(self, family_id: int) -> int:
        """The account that a family belongs to."""
        of_family = select(RefreshFamily.user_id).where(col(RefreshFamily.id) == family_id)
        return (await self._session.exec(of_family)).one()

    async def revoke_family(self, family_id: int, now: datetime) -> None:
        await self._revoke(col(RefreshFamily.id) == family_id, now)

    async def revoke_families_of(self, user_id: int, now: datetime) -> None:
        await self._revoke(col(RefreshFamily.user_id) == user_id, now)

    async def revoke_all_families(self, now: datetime) -> None:
        await self._revoke(true(), now)

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
