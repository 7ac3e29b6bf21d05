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

FORWARDED = {"X-Forwarded-Proto": "https"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('serve') / 'test.db'}"
    migrations.upgrade(url, MIGRATIONS)
    return url


@dataclass
class Life:
    """What a service did from its start to a SIGTERM that met it at work."""

    created: httpx.Response
    read: httpx.Response
    under_way: bytes
    """The answer to a request of which the last byte came after the SIGTERM."""
    log: list[dict[str, Any]]
    exit_code: int | None


@pytest.fixture(scope="module")
def life(url: str) -> Life:
    with served(NOTES_DATABASE_URL=url) as service:
        headers = {"X-Request-ID": "r-1"}
        created = service.client.post("/notes/", json={"title": "a"}, headers=headers)
        address = f"/notes/{created.json()['id']}?q=hunter2"
        read = service.client.get(address, headers=FORWARDED)
        with _half_a_request(service) as connection:
            service.process.send_signal(signal.SIGTERM)
            connection.sendall(b"}")
            under_way = connection.makefile("rb").read()
        return Life(created, read, under_way, service.ended(), service.process.returncode)


def _half_a_request(service: Served) -> socket.socket:
    """A connection on which all but the last byte of a request has come to the service."""
    body = json.dumps({"title": "b"}).encode()
    connection = socket.create_connection(("127.0.0.1", service.port))
    head = (
        f"POST /notes/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"X-Request-ID: r-2\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body[:-1])
    # What it answers afterwards on another connection, it answers with that request at hand.
    service.client.get("/health/live").raise_for_status()
    return connection


class TestUntilSigterm:
    def test_it_serves(self, life: Life) -> None:
        assert life.created.status_code == 201
        assert life.read.json()["title"] == "a"
        assert "Server" not in life.read.headers

    def test_a_request_that_is_under_way_is_answered(self, life: Life) -> None:
        assert life.under_way.startswith(b"HTTP/1.1 201 Created\r\n")

    def test_the_process_ends_well(self, life: Life) -> None:
        assert life.exit_code == 0

    def test_every_line_of_the_log_is_of_the_service(self, life: Life) -> None:
        assert {(line["service"], line["level"]) for line in life.log} == {("notes", "info")}
        requests = [line for line in life.log if line["event"] == "request"]
        assert {"r-1": 201, "r-2": 201}.items() <= {
            line["request_id"]: line["status"] for line in requests
        }.items()
        assert "hunter2" not in str(life.log)

    def test_a_proxy_that_it_was_not_told_of_is_not_believed(self, life: Life) -> None:
        assert "Strict-Transport-Security" not in life.read.headers


@pytest.fixture(scope="module")
def service(url: str) -> Iterator[Served]:
    with served(NOTES_DATABASE_URL=url, NOTES_TRUSTED_PROXIES="127.0.0.1") as service:
        yield service


def test_what_a_trusted_proxy_says_of_its_client_is_believed(service: Served) -> None:
    response = service.client.get("/", headers=FORWARDED)
    assert "Strict-Transport-Security" in response.headers
    assert "Strict-Transport-Security" not in service.client.get("/").headers


def test_a_proxy_is_not_believed_because_another_one_is_trusted(url: str) -> None:
    with served(NOTES_DATABASE_URL=url, NOTES_TRUSTED_PROXIES="10.0.0.1") as service:
        response = service.client.get("/", headers=FORWARDED)
    assert "Strict-Transport-Security" not in response.headers


def test_a_body_that_is_too_large_is_refused_on_the_wire(service: Served) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(17):
            yield b" " * 65536

    headers = {"Content-Type": "application/json"}
    response = service.client.post("/notes/", content=chunks(), headers=headers)
    assert (response.status_code, response.json()["error"]) == (413, "body_too_large")
