"""Notifications between the processes that use one PostgreSQL database (LISTEN and NOTIFY)."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy.engine import URL

from chassis.db.database import migration_engine

_HEARTBEAT_SECONDS = 30.0
_ANSWER_SECONDS = 5.0


async def listen(url: URL, channel: str, notify: Callable[[], None]) -> float:
    """Call `notify` for each notification on a channel, and whenever some may have been missed.

    It listens on a connection of its own until that fails, and never returns: the work of a background task
    that may be cancelled. A notification may still be lost, so callers also poll now and then.

    Raises:
        ConnectionError: the connection has ended, or couldn't be opened.
    """
    engine = migration_engine(url.render_as_string(hide_password=False))
    try:
        async with engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None  # noqa: S101 - it has just been opened
            has_ended = asyncio.Event()
            driver.add_termination_listener(lambda _: has_ended.set())
            await driver.add_listener(channel, lambda *_: notify())
            notify()
            while not has_ended.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_HEARTBEAT_SECONDS):
                        await has_ended.wait()
                # If the server vanishes or a firewall drops the connection, nothing ends it.
                await driver.execute("SELECT 1", timeout=_ANSWER_SECONDS)
    finally:
        await engine.dispose()
    raise ConnectionError("the database has ended the connection")
