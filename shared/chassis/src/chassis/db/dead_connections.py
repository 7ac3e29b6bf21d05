"""Connections whose other end is gone without notice, as when a network is cut or an address is reassigned.

TCP by itself goes on trying for a quarter of an hour, and with it the request that waits, holding a
connection of the pool. So the kernel is asked to give up sooner, as libpq can be by `keepalives_idle`
and `tcp_user_timeout`; asyncpg has neither.
"""

import os
import socket
from typing import Any

_PROBE_AFTER_SECONDS = 5
"""Of silence, and between two probes. A slow server still answers them."""
_GIVE_UP_AFTER_SECONDS = 10

# A system without one of these, such as macOS, keeps its own limit.
_TCP_OPTIONS = {
    "TCP_KEEPIDLE": _PROBE_AFTER_SECONDS,
    "TCP_KEEPINTVL": _PROBE_AFTER_SECONDS,
    "TCP_USER_TIMEOUT": _GIVE_UP_AFTER_SECONDS * 1000,  # of what is sent, and of probes
}


def give_up_soon(driver_connection: Any) -> None:
    """Let the kernel close an asyncpg connection when the server doesn't answer."""
    transport = driver_connection._transport  # noqa: SLF001 - asyncpg tells it to nobody
    # uvloop's socket has no options to set; another descriptor of the same socket has.
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as own:
        if own.family not in (socket.AF_INET, socket.AF_INET6):
            return
        own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _TCP_OPTIONS.items():
            if (option := getattr(socket, name, None)) is not None:
                own.setsockopt(socket.IPPROTO_TCP, option, value)
