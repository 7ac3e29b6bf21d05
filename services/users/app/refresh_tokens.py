"""Refresh tokens: one use each; a second use of one ends its whole family (RFC 9700, 4.14.2)."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import structlog
from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlmodel import col

from app.errors import InvalidRefreshToken
from app.models import RefreshFamily, RefreshToken, User
from chassis.db.columns import utc_now
from chassis.db.database import WriteSession

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Refreshed:
    user_id: int
    role: str
    refresh_token: str


async def start_family(session: WriteSession, user_id: int, lifetime: timedelta) -> str:
    """Record a login and give its first refresh token."""
    family = RefreshFamily(user_id=user_id, expires_at=utc_now() + lifetime)
    session.add(family)
    await session.flush()
    return _add_token(session, cast("int", family.id))


async def exchange(session: WriteSession, refresh_token: str) -> Refreshed:
    """Use a refresh token up and give its successor.

    Raises:
        InvalidRefreshToken: unknown, expired, revoked or used before, or its account is gone or
            inactive. When it was used before, its family is revoked, and that is committed.
    """
    now = utc_now()
    await _lock_family_of(session, refresh_token)
    used = update(RefreshToken).where(
        col(RefreshToken.token_hash) == _hash(refresh_token), col(RefreshToken.used_at).is_(None)
    )
    family_id = await session.scalar(
        used.values(used_at=now).returning(col(RefreshToken.family_id))
    )
    if family_id is None:
        await _revoke_family_of(session, refresh_token, now)
        # This must outlive the error, which rolls the request's transaction back.
        await session.commit()
        raise InvalidRefreshToken
    holder = (
        await session.execute(
            select(col(User.id), col(User.role))
            .join(RefreshFamily, col(RefreshFamily.user_id) == col(User.id))
            .where(
                col(RefreshFamily.id) == family_id,
                col(RefreshFamily.revoked_at).is_(None),
                col(RefreshFamily.expires_at) > now,
                col(User.is_active),
            )
        )
    ).one_or_none()
    if holder is None:
        raise InvalidRefreshToken
    return Refreshed(holder.id, holder.role, _add_token(session, family_id))


async def revoke(session: WriteSession, refresh_token: str) -> None:
    """End the login that the token belongs to. Nothing happens when there is none."""
    family_id = await _family_of(session, refresh_token)
    if family_id is not None:
        await _revoke(session, col(RefreshFamily.id) == family_id, utc_now())


async def revoke_all(session: WriteSession, user_id: int) -> None:
    """End every login of a user."""
    await _revoke(session, col(RefreshFamily.user_id) == user_id, utc_now())


async def prune(session: WriteSession, *, older_than: timedelta) -> int:
    """Delete logins that ended that long ago. Returns how many.

    They are kept for a while so that the use of a stolen token is still recognised as such.
    """
    before = utc_now() - older_than
    ended = or_(col(RefreshFamily.expires_at) < before, col(RefreshFamily.revoked_at) < before)
    result = await session.execute(
        delete(RefreshFamily).where(ended).returning(col(RefreshFamily.id))
    )
    return len(result.all())


def _hash(refresh_token: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(refresh_token.encode()).hexdigest()


def _add_token(session: WriteSession, family_id: int) -> str:
    refresh_token = secrets.token_urlsafe(32)
    session.add(RefreshToken(token_hash=_hash(refresh_token), family_id=family_id))
    return refresh_token


async def _lock_family_of(session: WriteSession, refresh_token: str) -> None:
    # First the family and then its token, as when an account's deletion cascades to them: in the
    # other order the two would wait for each other.
    statement = (
        select(col(RefreshFamily.id))
        .join(RefreshToken, col(RefreshToken.family_id) == col(RefreshFamily.id))
        .where(col(RefreshToken.token_hash) == _hash(refresh_token))
    )
    await session.execute(statement.with_for_update(of=RefreshFamily, key_share=True))


async def _family_of(session: WriteSession, refresh_token: str) -> int | None:
    statement = select(col(RefreshToken.family_id)).where(
        col(RefreshToken.token_hash) == _hash(refresh_token)
    )
    family_id: int | None = await session.scalar(statement)
    return family_id


async def _revoke_family_of(session: WriteSession, refresh_token: str, now: datetime) -> None:
    family_id = await _family_of(session, refresh_token)
    if family_id is not None:
        logger.warning("refresh_token_reused", family_id=family_id)
        await _revoke(session, col(RefreshFamily.id) == family_id, now)


async def _revoke(session: WriteSession, which: ColumnElement[bool], now: datetime) -> None:
    statement = update(RefreshFamily).where(which, col(RefreshFamily.revoked_at).is_(None))
    await session.execute(statement.values(revoked_at=now))
