"""Password hashing: Argon2id, off the event loop, a bounded number at a time."""

import anyio.to_thread
from anyio import CapacityLimiter
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app.settings import UsersSettings


class PasswordHasher:
    def __init__(self, settings: UsersSettings) -> None:
        hasher = Argon2Hasher(
            memory_cost=settings.password_memory_kib,
            time_cost=settings.password_time_cost,
            parallelism=1,  # each hash uses one core, which the limiter below counts
        )
        self._passwords = PasswordHash((hasher,))
        # Each hash needs a core and tens of MiB: without a limit many logins would take all of both.
        self._limiter = CapacityLimiter(settings.password_concurrency)
        self._decoy_hash: str | None = None

    async def hash(self, password: str) -> str:
        return await anyio.to_thread.run_sync(self._passwords.hash, password, limiter=self._limiter)

    async def verify(self, password: str, password_hash: str | None) -> tuple[bool, str | None]:
        """Whether password and hash match, and the new hash to store if the stored one has outdated parameters.

        Without a hash (there is no such account) it takes as long and returns False.
        """
        decoy = password_hash is None
        stored = password_hash or await self._decoy()
        matches, update = await anyio.to_thread.run_sync(
            self._passwords.verify_and_update, password, stored, limiter=self._limiter
        )
        return (False, None) if decoy else (matches, update)

    async def _decoy(self) -> str:
        if self._decoy_hash is None:
            self._decoy_hash = await self.hash("no account has this password")
        return self._decoy_hash
