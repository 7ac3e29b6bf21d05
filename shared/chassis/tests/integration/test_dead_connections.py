"""Tried for real, by containers that change their addresses: `tox -e e2e-faults -- --all-faults -k given`."""

import os
import socket
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.db.database import Database
from chassis.db.postgresql_connections import give_up_soon

LINUX = pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux alone has it")


class Connection:
    """As much of asyncpg's as is asked for a socket."""

    def __init__(self, own: socket.socket) -> None:
        self._transport = self
        self._socket = own

    def get_extra_info(self, name: str) -> socket.socket:
        return {"socket": self._socket}[name]


def options_of(own: socket.socket) -> tuple[int, int, int, int]:
    """Whether it is probed, after how many seconds, how often, and given up after how many milliseconds."""
    return (
        own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
        own.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
        own.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
        own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
    )


async def options_in(engine: AsyncEngine) -> tuple[int, int, int, int]:
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        transport = driver._transport
        with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as own:
            return options_of(own)


@LINUX
async def test_kernel_closes_a_connection_to_a_silent_server(
    database_url: str, on_postgres: None
) -> None:
    database = Database(database_url)
    for engine in (database.read_engine, database.write_engine):
        assert await options_in(engine) == (1, 5, 5, 10_000)
    await database.aclose()


@LINUX
def test_missing_option_of_the_system_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as own:
        untouched = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        with monkeypatch.context() as patch:
            patch.delattr(socket, "TCP_USER_TIMEOUT")
            give_up_soon(Connection(own))
        assert options_of(own) == (1, 5, 5, untouched)


def test_unix_socket_is_unchanged() -> None:
    first, second = socket.socketpair(socket.AF_UNIX)
    with first, second:
        give_up_soon(Connection(first))
        assert first.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
        first.sendall(b"still open")
        assert second.recv(10) == b"still open"
