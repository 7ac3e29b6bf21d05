"""Connections to PostgreSQL: their settings, and detection of dead ones."""

import os
import socket
from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

from chassis.db.errors import SettingIgnored

logger = structlog.get_logger(__name__)

_PROBE_SECONDS = 5
_GIVE_UP_SECONDS = 10
# Without these, TCP tries for a quarter of an hour to reach a server that is gone, and the waiting request
# uses a connection of the pool meanwhile. macOS lacks some of them. asyncpg has no options for them.
_TCP_OPTIONS = {
    "TCP_KEEPIDLE": _PROBE_SECONDS,
    "TCP_KEEPINTVL": _PROBE_SECONDS,
    "TCP_USER_TIMEOUT": _GIVE_UP_SECONDS * 1000,
}
READ_ONLY = "default_transaction_read_only"
_SETTINGS = "SELECT lower(name), setting FROM pg_settings WHERE lower(name) = ANY($1)"


def configure(engine: AsyncEngine, settings: Mapping[str, str]) -> None:
    """Check the settings on the first connection of the engine, and let the kernel detect dead ones."""

    @event.listens_for(engine.sync_engine, "first_connect")
    def _check(connection: Any, _: ConnectionPoolEntry) -> None:
        rows = connection.run_async(lambda driver: driver.fetch(_SETTINGS, list(settings)))
        for name, actual in rows:
            if actual == settings[name]:
                continue
            if name == READ_ONLY:
                raise SettingIgnored(
                    f"the server ignores `{READ_ONLY}`: a connection pooler must pass it on"
                )
            logger.warning(
                "database_setting_ignored", setting=name, expected=settings[name], actual=actual
            )

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _: ConnectionPoolEntry) -> None:
        give_up_soon(connection.driver_connection)


def give_up_soon(driver_connection: Any) -> None:
    """Let the kernel close an asyncpg connection when the server doesn't answer."""
    transport = driver_connection._transport  # noqa: SLF001 - asyncpg has no public access to it
    # uvloop's socket has no `setsockopt`; a duplicate of its descriptor has.
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as own:
        if own.family not in (socket.AF_INET, socket.AF_INET6):
            return
        own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _TCP_OPTIONS.items():
            if (option := getattr(socket, name, None)) is not None:
                own.setsockopt(socket.IPPROTO_TCP, option, value)
