"""Refresh tokens: each can be used once; a second use ends its whole family (RFC 9700, 4.14.2)."""

import hashlib
import secrets
from datetime import datetime, timedelta

import structlog

from app.errors import InvalidRefreshToken, RefreshTokenReused
from app.repositories.refresh_tokens import Holder, RefreshTokenRepository
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession

logger = structlog.get_logger(__name__)


async def start_family(session: WriteSession, user_id: int, lifetime: timedelta) -> str:
    """Record a login. Returns its first refresh token."""
    tokens = RefreshTokenRepository(session)
    family = await tokens.add_family(user_id, expires_at=utc_now() + lifetime)
    return await _add_token(tokens, family.id)


async def exchange(session: WriteSession, refresh_token: str) -> tuple[Holder, str]:
    """Use a refresh token, and issue the next one. Returns its holder and the next one.

    Raises:
        RefreshTokenReused: it was used before, and its family is revoked now. The caller has to commit that.
        InvalidRefreshToken: it is unknown, expired or revoked, or its account is deleted or inactive.
    """
    tokens, token_hash, now = RefreshTokenRepository(session), _hash(refresh_token), utc_now()
    # First the family and then its token, in the order in which an account's deletion cascades to
    # them: in the other order the two transactions could deadlock.
    await tokens.lock_family(token_hash)
    family_id = await tokens.use_token(token_hash, now)
    if family_id is None:
        await _end_reused_family(tokens, token_hash, now)
        raise InvalidRefreshToken
    holder = await tokens.get_holder(family_id, now)
    if holder is None:
        raise InvalidRefreshToken
    return holder, await _add_token(tokens, family_id)


async def revoke(session: WriteSession, refresh_token: str) -> None:
    """End the login that the token belongs to, if there is one."""
    tokens = RefreshTokenRepository(session)
    family_id = await tokens.get_family_id(_hash(refresh_token))
    if family_id is not None:
        await tokens.revoke_family(family_id, utc_now())


async def revoke_all(session: WriteSession, user_id: int) -> None:
    """End every login of an account."""
    await RefreshTokenRepository(session).revoke_families_of(user_id, utc_now())


async def _end_reused_family(
    tokens: RefreshTokenRepository, token_hash: str, now: datetime
) -> None:
    family_id = await tokens.get_family_id(token_hash)
    if family_id is None:
        return
    logger.warning("refresh_token_reused", family_id=family_id)
    await tokens.revoke_family(family_id, now)
    raise RefreshTokenReused


async def _add_token(tokens: RefreshTokenRepository, family_id: int) -> str:
    refresh_token = secrets.token_urlsafe(32)
    await tokens.add_token(family_id, _hash(refresh_token))
    return refresh_token


def _hash(refresh_token: str) -> str:
    # A fast hash is enough for 256 random bits.
    return hashlib.sha256(refresh_token.encode()).hexdigest()
