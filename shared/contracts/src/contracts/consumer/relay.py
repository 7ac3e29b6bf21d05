"""Forwards what a client sends to Pact's server, and records it.

Pact itself ignores a header or a body that the interaction doesn't declare.
"""

import socket
import socketserver
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Thread
from urllib.parse import unquote

import h11

_SIZE = 65_536


@dataclass(frozen=True)
class Sent:
    """A request as it was sent; names of headers are lower-case."""

    method: str
    path: str
    headers: Mapping[str, str]
    has_body: bool


class Relay(socketserver.ThreadingTCPServer):
    """Between a client and the server at the port."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.port = port
        self.received: list[bytearray] = []
        """What each connection received."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def sent(self) -> Iterator[Sent]:
        """Every request so far."""
        for received in self.received:
            with suppress(h11.RemoteProtocolError):  # Pact's server refuses that too
                yield from _requests(bytes(received))


class _Connection(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        received = bytearray()
        self.server.received.append(received)
        with (
            socket.create_connection(("127.0.0.1", self.server.port)) as upstream,
            suppress(OSError),
        ):
            for each in (self.request, upstream):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Thread(target=_copy, args=(upstream, self.request), daemon=True).start()
            while data := self.request.recv(_SIZE):
                received += data
                upstream.sendall(data)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_SIZE):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)


def _requests(data: bytes) -> Iterator[Sent]:
    while data:
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(data)
        head = connection.next_event()
        if not isinstance(head, h11.Request):
            return
        length = 0
        while isinstance(event := connection.next_event(), h11.Data):
            length += len(event.data)
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        path = unquote(head.target.decode().partition("?")[0])
        yield Sent(head.method.decode(), path, headers, has_body=length > 0)
        data = connection.trailing_data[0]


@contextmanager
def relay_to(port: int) -> Iterator[Relay]:
    with Relay(port) as relay:
        Thread(target=relay.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield relay
        finally:
            relay.shutdown()
