"""Deletes ended logins and expired signing keys. An operator's timer runs it (`python -m app prune`)."""

from datetime import timedelta

from app.repositories.refresh_tokens import RefreshTokenRepository
from app.repositories.signing_keys import SigningKeyRepository
from app.repositories.throttles import ThrottleRepository
from app.services.attempts import KNOWN_FOR
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession


async def prune(session: WriteSession, *, keep: timedelta) -> tuple[int, int]:
    """Delete logins that ended longer ago than `keep`, and signing keys that are no longer published.

    Logins are kept for a while so that the use of a stolen refresh token is still recognised.
    Returns the numbers of deleted logins and keys.
    """
    now = utc_now()
    await ThrottleRepository(session).delete_expired(known_before=now - KNOWN_FOR)
    logins = await RefreshTokenRepository(session).delete_families_ended_before(now - keep)
    return logins, await SigningKeyRepository(session).delete_expired(now)
