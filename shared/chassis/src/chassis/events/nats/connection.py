"""A connection to NATS with the rights of one service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from faststream.nats import NatsBroker
from faststream.security import SASLPlaintext
from nats.errors import Error
from pydantic import AnyUrl, SecretStr

logger = structlog.get_logger(__name__)

_CONNECT_SECONDS = 2
_RECONNECT_SECONDS = 1
_FOREVER = -1
_PING_SECONDS, _UNANSWERED_PINGS = 5, 2
"""A connection on which nothing comes back is given up after three pings: by itself, TCP takes 15 minutes."""


def inbox_prefix(user: str) -> str:
    """Where the server answers this user, who may subscribe to nothing else of that kind."""
    return f"_INBOX_{user}"


@asynccontextmanager
async def open_broker(
    url: AnyUrl, password: SecretStr | None, *, stop_seconds: float
) -> AsyncIterator[NatsBroker]:
    """A broker that hasn't connected yet. Once it has, it reconnects for as long as it takes."""
    user = url.username or ""
    secret = password.get_secret_value() if password else ""

    async def disconnected() -> None:
        logger.warning("nats_disconnected", server=f"{url.host}:{url.port}")

    async def reconnected() -> None:
        logger.info("nats_reconnected", server=f"{url.host}:{url.port}")

    async def failed(error: Exception) -> None:
        logger.warning("nats_error", reason=f"{type(error).__name__}: {error}")

    broker = NatsBroker(
        f"{url.scheme}://{url.host}:{url.port or 4222}",
        security=SASLPlaintext(username=user, password=secret) if user else None,
        inbox_prefix=inbox_prefix(user),
        connect_timeout=_CONNECT_SECONDS,
        reconnect_time_wait=_RECONNECT_SECONDS,
        max_reconnect_attempts=_FOREVER,
        ping_interval=_PING_SECONDS,
        max_outstanding_pings=_UNANSWERED_PINGS,
        disconnected_cb=disconnected,
        reconnected_cb=reconnected,
        error_cb=failed,
        graceful_timeout=stop_seconds,
        logger=None,
    )
    try:
        yield broker
    finally:
        try:
            async with asyncio.timeout(stop_seconds):
                await broker.stop()
        except (Error, TimeoutError):  # without the server, there is nothing to wait for
            client = await broker.connect()  # the one that it has: it would go on reconnecting
            await client.close()
