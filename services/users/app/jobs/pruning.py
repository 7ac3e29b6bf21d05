"""Deletes ended logins and expired signing keys. An operator's timer runs it (`python -m app prune`)."""

from datetime import timedelta
from typing import NamedTuple

from app.repositories.refresh_tokens import RefreshTokenRepository
from app.repositories.signing_keys import SigningKeyRepository
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession


class Pruned(NamedTuple):
    """How many of each were deleted."""

    logins: int
    signing_keys: int


async def prune(session: WriteSession, *, keep: timedelta) -> Pruned:
    """Delete logins that ended longer ago than `keep`, and signing keys that are no longer published.

    Logins are kept for a while so that the use of a stolen refresh token is still recognised.
    """
    now = utc_now()
    return Pruned(
        logins=await RefreshTokenRepository(session).delete_families_ended_before(now - keep),
        signing_keys=await SigningKeyRepository(session).delete_expired(now),
    )
