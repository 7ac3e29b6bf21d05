"""Deletes what has ended or expired. Each process does it every hour, and `python -m app prune` at once."""

from datetime import timedelta

from app.repositories.refresh_tokens import RefreshTokenRepository
from app.repositories.signing_keys import SigningKeyRepository
from app.repositories.throttles import ThrottleRepository
from app.services.attempts import KNOWN_FOR
from app.services.mails import delete_outdated
from chassis.db.columns import utc_now
from chassis.db.database import serialise
from chassis.db.sessions import WriteSession

_LOCK_ID = 0x7072756E  # "prun"
KEEP = timedelta(days=7)
"""How long ended sessions are kept, so that the use of a stolen refresh token is still recognised."""


async def prune(session: WriteSession, *, keep: timedelta) -> tuple[int, int]:
    """Delete logins that ended longer ago than `keep`, and signing keys that are no longer published.

    Returns the numbers of deleted logins and keys.
    """
    await serialise(session, _LOCK_ID)  # replicas that delete the same rows could deadlock
    now = utc_now()
    await delete_outdated(session, now)
    await ThrottleRepository(session).delete_expired(known_before=now - KNOWN_FOR)
    logins = await RefreshTokenRepository(session).delete_families_ended_before(now - keep)
    return logins, await SigningKeyRepository(session).delete_expired(now)
