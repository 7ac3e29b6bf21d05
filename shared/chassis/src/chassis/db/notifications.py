"""Notifications between the processes that use one PostgreSQL database (LISTEN and NOTIFY)."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy.engine import URL

from chassis.db.database import migration_engine

_HEARTBEAT_SECONDS = 30.0
_ANSWER_SECONDS = 5.0


class Listener:
    """Calls `notify` for each notification on a channel, and whenever some may have been missed.

    A notification may still be lost, so users of this class also poll now and then.
    """

    def __init__(self, url: URL, channel: str, notify: Callable[[], None]) -> None:
        self._url = url.render_as_string(hide_password=False)
        self._channel = channel
        self._notify = notify

    async def listen(self) -> float:
        """Listen on a connection of its own for as long as that lasts; never returns.

        The work of a background task that may be cancelled: the task calls it again.

        Raises:
            ConnectionError: the connection has ended, or couldn't be opened.
        """
        engine = migration_engine(self._url)
        try:
            async with engine.connect() as connection:
                driver = (await connection.get_raw_connection()).driver_connection
                assert driver is not None  # noqa: S101 - it has just been opened
                has_ended = asyncio.Event()
                driver.add_termination_listener(lambda _: has_ended.set())
                await driver.add_listener(self._channel, lambda *_: self._notify())
                self._notify()
                while not has_ended.is_set():
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_HEARTBEAT_SECONDS):
                            await has_ended.wait()
                    # A server that vanished, or a firewall that forgot, ends no connection.
                    await driver.execute("SELECT 1", timeout=_ANSWER_SECONDS)
        finally:
            await engine.dispose()
        raise ConnectionError("the database has ended the connection")
