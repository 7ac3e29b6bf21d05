"""Notifications between the processes that use one PostgreSQL database (LISTEN and NOTIFY)."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy.engine import URL

from chassis.db.database import migration_engine
from chassis.http.backoff import full_jitter

logger = structlog.get_logger(__name__)

_HEARTBEAT_SECONDS = 30.0
_ANSWER_SECONDS = 5.0
_AGAIN_SECONDS = 1.0


async def listen(url: URL, channel: str, notify: Callable[[], None]) -> float:
    """Call `notify` for each notification on a channel, and whenever some may have been missed.

    The work of a background task that may be cancelled: it listens on a connection of its own until that ends, and
    returns the seconds until it should listen again. A notification may still be lost, so callers also poll.

    Raises:
        ConnectionError: the connection couldn't be opened.
    """
    engine = migration_engine(url.render_as_string(hide_password=False))
    try:
        async with engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None  # noqa: S101 - it has just been opened
            await driver.add_listener(channel, lambda *_: notify())
            notify()
            try:
                await _until_it_ends(driver)
            except Exception as error:  # noqa: BLE001 - drivers raise anything
                # Not a failure of the task, whose next backoff would be longer, even days later.
                reason = f"{type(error).__name__}: {error}"
                logger.warning("notifications_interrupted", channel=channel, reason=reason)
    finally:
        await engine.dispose()
    # Not all processes at once.
    return full_jitter(1, first_seconds=_AGAIN_SECONDS, most_seconds=_AGAIN_SECONDS)


async def _until_it_ends(driver: Any) -> None:
    has_ended = asyncio.Event()
    driver.add_termination_listener(lambda _: has_ended.set())
    while not has_ended.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEARTBEAT_SECONDS):
                await has_ended.wait()
        # If the server vanishes or a firewall drops the connection, nothing ends it.
        await driver.execute("SELECT 1", timeout=_ANSWER_SECONDS)
