"""`serve`, as a process of its own on a real socket."""

import json
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from tests.example.app import MIGRATIONS
from tests.example.process import Served, served

from chassis.db import migrations
from service_testing.databases import sqlite_url


@dataclass
class Life:
    """What a service did from its start to a SIGTERM during a request."""

    created: httpx.Response
    read: httpx.Response
    refused: httpx.Response
    last: bytes
    """The response to a request whose last byte was sent after the SIGTERM."""
    log: list[dict[str, Any]]
    exit_code: int | None


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    url = sqlite_url(tmp_path_factory.mktemp("serve") / "test.db")
    migrations.upgrade(url, MIGRATIONS)
    with served(NOTES_DATABASE_URL=url) as service:
        headers = {"X-Request-ID": "r-1"}
        created = service.client.post("/notes/", json={"title": "a"}, headers=headers)
        read = service.client.get(f"/notes/{created.json()['id']}?q=hunter2")
        headers = {"Content-Type": "application/json"}
        refused = service.client.post("/notes/", content=_chunks(), headers=headers)
        with _half_a_request(service) as connection:
            service.process.send_signal(signal.SIGTERM)
            connection.sendall(b"}")
            last = connection.makefile("rb").read()
        return Life(created, read, refused, last, service.ended(), service.process.returncode)


def _chunks() -> Iterator[bytes]:
    for _ in range(17):
        yield b" " * 65536


def _half_a_request(service: Served) -> socket.socket:
    """A connection on which the service has received all but the last byte of a request."""
    body = json.dumps({"title": "b"}).encode()
    connection = socket.create_connection(("127.0.0.1", service.port))
    head = (
        f"POST /notes/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"X-Request-ID: r-2\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body[:-1])
    # When it responds on another connection, it has received that request.
    service.client.get("/health/live").raise_for_status()
    return connection


def test_requests_are_answered(life: Life) -> None:
    assert life.created.status_code == 201
    assert life.read.json()["title"] == "a"
    assert "Server" not in life.read.headers


def test_too_large_body_is_refused(life: Life) -> None:
    assert (life.refused.status_code, life.refused.json()["error"]) == (413, "body_too_large")


def test_request_during_the_sigterm_is_answered(life: Life) -> None:
    assert life.last.startswith(b"HTTP/1.1 201 Created\r\n")
    assert life.exit_code == 0


def test_log_lines_are_those_of_the_service(life: Life) -> None:
    assert {(line["service"], line["level"]) for line in life.log} == {("notes", "info")}
    statuses = {line.get("request_id"): line.get("status") for line in life.log}
    assert (statuses["r-1"], statuses["r-2"]) == (201, 201)
    assert "hunter2" not in str(life.log)
