"""A service that is reached directly, without a proxy, refuses a head of any size."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from tests.example.app import MIGRATIONS
from tests.example.process import Served, served

from chassis.db import migrations
from service_testing.databases import sqlite_url

START = b"POST /notes/ HTTP/1.1\r\nHost: notes\r\nContent-Type: application/json\r\n"
BODY = b'2\r\n{"\r\n'
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    url = sqlite_url(tmp_path_factory.mktemp("head") / "test.db")
    migrations.upgrade(url, MIGRATIONS)
    with served(NOTES_DATABASE_URL=url) as service:
        yield service


def sent_until_refused(service: Served, start: bytes, repeated: bytes) -> int:
    """How many bytes the service takes, at most 60 MB."""
    sent = 0
    with (
        socket.create_connection(("127.0.0.1", service.port)) as connection,
        suppress(ConnectionError),
    ):
        connection.sendall(start)
        while sent < 60 * MEGABYTE:
            sent += connection.send(repeated)
    return sent


@pytest.mark.parametrize(
    ("start", "repeated"),
    [
        (START, b"X-Long: " + b"x" * 4096 + b"\r\n"),
        (START + b"X-Long: ", b"x" * 4096),
        (b"GET /", b"x" * 4096),
        (
            START + b"Transfer-Encoding: chunked\r\n\r\n" + BODY + b"0\r\n",
            b"X-Long: " + b"x" * 4096 + b"\r\n",
        ),
        (START + b"Transfer-Encoding: chunked\r\n\r\n2;x=", b"x" * 4096),
    ],
    ids=["many headers", "one header", "path", "trailers", "chunk extension"],
)
def test_endless_head_is_refused(service: Served, start: bytes, repeated: bytes) -> None:
    # The buffers of both sockets take some of it.
    assert sent_until_refused(service, start, repeated) < 20 * MEGABYTE
    assert service.client.get("/health/live").status_code == 200


def test_response_is_a_431(service: Served) -> None:
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(START + b"X-Long: " + b"x" * 66_000)
        assert connection.recv(64).startswith(b"HTTP/1.1 431 ")


def test_many_requests_with_large_heads_are_served(service: Served) -> None:
    headers = {"X-Long": "x" * 30_000}
    for _ in range(5):
        response = service.client.post("/notes/", json={"title": "y" * 100}, headers=headers)
        assert response.status_code == 201
