"""Asks a service like haveibeenpwned.com whether a password has leaked, without telling it the password.

It is sent 5 of the 40 digits of the password's SHA-1 hash, and answers with all leaked hashes that begin with them
(k-anonymity).
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import httpx
import structlog

from app.settings import UsersSettings

logger = structlog.get_logger(__name__)

_PREFIX_LENGTH = 5


class BreachedPasswords(Protocol):
    async def contains(self, password: str) -> bool:
        """Whether the password is known to have leaked. False also if that can't be found out."""
        ...


class NoBreachedPasswords:
    """The check is turned off."""

    async def contains(self, _: str) -> bool:
        return False


class BreachedPasswordsClient:
    """`BreachedPasswords` over HTTP."""

    def __init__(self, http: httpx.AsyncClient, *, deadline_seconds: float) -> None:
        self._http = http
        self._deadline_seconds = deadline_seconds

    async def contains(self, password: str) -> bool:
        digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
        prefix, rest = digest[:_PREFIX_LENGTH], digest[_PREFIX_LENGTH:]
        try:
            # The client's own timeouts are per read: an answer that trickles would last longer.
            async with asyncio.timeout(self._deadline_seconds):
                # Padding hides from listeners how many hashes there are.
                response = await self._http.get(f"/range/{prefix}", headers={"Add-Padding": "true"})
            response.raise_for_status()
        except (TimeoutError, httpx.HTTPError) as error:
            # People can register and change passwords while the other service is unavailable.
            logger.warning("breached_passwords_unavailable", reason=type(error).__name__)
            return False
        found = (line.strip().partition(":") for line in response.text.splitlines())
        return any(each == rest and count != "0" for each, _, count in found)  # 0: padding


@asynccontextmanager
async def open_breached_passwords(settings: UsersSettings) -> AsyncIterator[BreachedPasswords]:
    """A client by the settings, closed after the block."""
    if settings.breached_passwords_url is None:
        yield NoBreachedPasswords()
        return
    deadline_seconds = settings.breached_passwords_deadline_seconds
    url = settings.breached_passwords_url
    async with httpx.AsyncClient(base_url=url, timeout=deadline_seconds) as http:
        yield BreachedPasswordsClient(http, deadline_seconds=deadline_seconds)
