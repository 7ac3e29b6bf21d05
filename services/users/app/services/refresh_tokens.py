"""Sessions and their refresh tokens: each can be used once; a second use ends the session (RFC 9700, 4.14.2)."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.errors import InvalidRefreshToken, RefreshTokenReused, SessionNotFound
from app.repositories.refresh_tokens import Holder, RefreshTokenRepository
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession


@dataclass(frozen=True, kw_only=True)
class SessionLimits:
    lifetime: timedelta
    """A session ends so long after the sign-in."""
    idle: timedelta
    """A session ends after so much time without a refresh."""
    most: int
    """The number of sessions of one account."""

    def end(self, signed_in_at: datetime, now: datetime) -> datetime:
        return min(signed_in_at + self.lifetime, now + self.idle)


async def start(
    session: WriteSession, user_id: int, user_agent: str | None, limits: SessionLimits
) -> tuple[int, str]:
    """Start a session, and end those that are too many. Returns its id and its first refresh token.

    The caller has locked the account: two sign-ins at once could start one session too many.
    """
    tokens, now = RefreshTokenRepository(session), utc_now()
    family = await tokens.add_family(user_id, limits.end(now, now), user_agent)
    await tokens.revoke_all_but_latest(user_id, limits.most, now)
    return family.id, await _add_token(tokens, family.id)


async def exchange(
    session: WriteSession, refresh_token: str, limits: SessionLimits
) -> tuple[Holder, str]:
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
    await tokens.touch_family(family_id, now, limits.end(holder.signed_in_at, now))
    return holder, await _add_token(tokens, family_id)


async def end(session: WriteSession, user_id: int, session_id: int) -> None:
    """End one session of an account.

    Raises:
        SessionNotFound: the account has no such session, or it has ended.
    """
    if not await RefreshTokenRepository(session).revoke_family_of(user_id, session_id, utc_now()):
        raise SessionNotFound


async def revoke(session: WriteSession, refresh_token: str) -> None:
    """End the login that the token belongs to, if there is one."""
    tokens = RefreshTokenRepository(session)
    family_id = await tokens.get_family_id(_hash(refresh_token))
    if family_id is not None:
        await tokens.revoke_family(family_id, utc_now())


async def revoke_all(session: WriteSession, user_id: int) -> None:
    """End every login of an account."""
    await RefreshTokenRepository(session).revoke_families_of(user_id, utc_now())


async def revoke_every_login(session: WriteSession) -> None:
    """End the logins of all accounts."""
    await RefreshTokenRepository(session).revoke_all_families(utc_now())


async def _end_reused_family(
    tokens: RefreshTokenRepository, token_hash: str, now: datetime
) -> None:
    family_id = await tokens.get_family_id(token_hash)
    if family_id is None:
        return
    await tokens.revoke_family(family_id, now)
    raise RefreshTokenReused(await tokens.get_user_id(family_id))


async def _add_token(tokens: RefreshTokenRepository, family_id: int) -> str:
    refresh_token = secrets.token_urlsafe(32)
    await tokens.add_token(family_id, _hash(refresh_token))
    return refresh_token


def _hash(refresh_token: str) -> str:
    # A fast hash is enough for 256 random bits.
    return hashlib.sha256(refresh_token.encode()).hexdigest()
