"""Limits on guessing passwords and secrets, and on the work of hashing them (docs/security.md)."""

import hashlib
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from app.repositories.throttles import ThrottleRepository
from app.services.callers import Caller
from app.services.security_events import SecurityEvents
from app.settings import UsersSettings
from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.web.errors import TooManyRequests

KNOWN_FOR = timedelta(days=30)
"""For so long an address that signed in to an account is exempt from the limit of all addresses on it.

So nobody can lock the account's holder out.
"""


class Attempts:
    """Takes the database instead of a session, like `SignIn`: it counts before the password is hashed."""

    def __init__(self, database: Database, settings: UsersSettings, events: SecurityEvents) -> None:
        self._database = database
        self._settings = settings
        self._events = events

    async def count(self, caller: Caller, account: str | None = None) -> None:
        """Count an attempt of the caller, on an account if there is one, whether it exists or not.

        `account` says of what it is, such as "mail to ada@example.com".

        Raises:
            TooManyRequests: there were too many. This one isn't counted.
        """
        of_account = _key("account", account)
        limits = {_key("address", caller.address): self._settings.attempts_per_address}
        if account is not None:
            limits[of_account] = self._settings.attempts_per_account
            limits[_key(account, caller.address)] = self._settings.attempts_per_account_and_address
        limits = {key: limit for key, limit in limits.items() if limit}
        if not limits:
            return
        async with self._database.transaction() as session:
            throttles = ThrottleRepository(session)
            if account is not None and of_account in limits:
                known_since = utc_now() - KNOWN_FOR
                if await throttles.is_known(_key(account, caller.address), known_since):
                    del limits[of_account]
            # In sorted order, so that two transactions can't deadlock.
            for key, limit in sorted(limits.items()):
                await self._take(throttles, key, limit)

    @asynccontextmanager
    async def counted(self, caller: Caller, account: str) -> AsyncIterator[None]:
        """Like `count`, for a block that tests the account's password: if it raises nothing, the caller knew it."""
        account = f"password of {account}"  # a name that somebody signs in with is any text
        await self.count(caller, account)
        yield
        key = _key(account, caller.address)
        async with self._database.transaction() as session:
            throttles = ThrottleRepository(session)
            await throttles.remember(key, utc_now())
            await throttles.reset(key)

    async def _take(self, throttles: ThrottleRepository, key: str, limit: int) -> None:
        seconds = self._settings.attempts_seconds
        if not await throttles.take(key, limit=limit, seconds=seconds):
            self._events.record("attempt_limit", "failure")
            raise TooManyRequests(headers={"Retry-After": str(math.ceil(seconds / limit))})


def _key(*parts: str | None) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()
