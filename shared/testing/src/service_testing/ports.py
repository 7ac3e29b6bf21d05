"""Ports for servers that a test starts."""

import secrets
import socket
from contextlib import suppress

_FIRST, _COUNT = 20_000, 12_000
"""Below those that operating systems give to outgoing connections: Linux's begin with 32768."""

_given: set[int] = set()


def free_port() -> int:
    """A port of this machine on which nothing listens. No outgoing connection takes it before the server does."""
    while True:
        port = _FIRST + secrets.randbelow(
            _COUNT
        )  # pytest-randomly makes `random` the same everywhere
        if port not in _given:
            with suppress(OSError), socket.create_server(("127.0.0.1", port)):
                _given.add(port)
                return port
