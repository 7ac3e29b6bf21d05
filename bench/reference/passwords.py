"""One Argon2 hash, in a thread, as many at a time as users allows by default."""

import anyio.to_thread
from anyio import CapacityLimiter
from argon2 import PasswordHasher

_CONCURRENCY = 2
_limiter = CapacityLimiter(_CONCURRENCY)


async def check_password(password: str, password_hash: str) -> bool:
    """Raises:
    VerifyMismatchError: it is another one.
    """
    return await anyio.to_thread.run_sync(
        PasswordHasher().verify, password_hash, password, limiter=_limiter
    )
