"""Password hashing: Argon2id, off the event loop, a bounded number at a time."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import anyio.to_thread
from anyio import CapacityLimiter
from argon2.exceptions import HashingError
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from starlette.requests import ClientDisconnect

from app.settings import UsersSettings
from chassis.web.errors import Overloaded

HasGone = Callable[[], Awaitable[bool]]
ResultT = TypeVar("ResultT")


async def never_gone() -> bool:
    return False


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
        self._queue = settings.password_queue
        self._decoy_hash: str | None = None

    def require_room(self) -> None:
        """Raises:
        Overloaded: so many passwords wait that a client would give up before its turn.
        """
        waiting = self._limiter.statistics().tasks_waiting
        if self._limiter.available_tokens < 1 and waiting >= self._queue:
            raise Overloaded

    async def hash(self, password: str, has_gone: HasGone = never_gone) -> str:
        """Raises:
        Overloaded: see `require_room`.
        ClientDisconnect: the client had gone when it was the password's turn.
        """
        return await self._run(partial(self._passwords.hash, password), has_gone)

    async def verify(
        self, password: str, password_hash: str | None, has_gone: HasGone = never_gone
    ) -> tuple[bool, str | None]:
        """Whether password and hash match, and the new hash to store if the stored one has outdated parameters.

        Without a hash (there is no such account) it takes as long and returns False. Raises as `hash` does.
        """
        decoy = password_hash is None
        stored = password_hash or await self._decoy()
        compare = partial(self._passwords.verify_and_update, password, stored)
        matches, update = await self._run(compare, has_gone)
        return (False, None) if decoy else (matches, update)

    async def _decoy(self) -> str:
        if self._decoy_hash is None:
            self._decoy_hash = await self.hash("no account has this password")
        return self._decoy_hash

    async def _run(self, work: Callable[[], ResultT], has_gone: HasGone) -> ResultT:
        self.require_room()
        async with self._limiter:
            if await has_gone():
                raise ClientDisconnect  # nobody would learn the result
            try:
                return await anyio.to_thread.run_sync(work)
            except HashingError as error:  # Argon2 got too little memory
                raise MemoryError from error
