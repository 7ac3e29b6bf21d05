"""413: bodies that are announced as too large, or become so."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import APIRouter, Request
from tests.example.app import client_of
from tests.example.asgi import Connection, http_scope

from chassis.web.media_types import StrictRoute
from service_testing.assertions import assert_error_response

LIMIT = 1000
JSON = {"Content-Type": "application/json"}
router = APIRouter(route_class=StrictRoute)
received: list[Any] = []


@router.post("/json/")
async def create_any(body: dict[str, str]) -> None:
    received.append(body)


@router.post("/raw/")
async def create_raw(request: Request) -> None:
    received.append(await request.body())


CLIENT = client_of(router, max_body_bytes=LIMIT)


@pytest.fixture(autouse=True)
def _nothing_received() -> None:
    received.clear()


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 100


def json_of(size: int) -> bytes:
    return b'{"a":"%s"}' % (b"x" * (size - 8))


async def test_body_as_large_as_the_limit_is_accepted() -> None:
    response = await CLIENT.post("/json/", content=json_of(LIMIT), headers=JSON)
    assert response.status_code == 200
    assert len(received) == 1


@pytest.mark.parametrize("path", ["/json/", "/raw/", "/nothing", "/health/live"])
async def test_body_that_is_announced_as_larger_is_not_read(path: str) -> None:
    response = await CLIENT.post(path, content=json_of(LIMIT + 1))
    assert_error_response(response, 413, "body_too_large")
    assert response.headers["Connection"] == "close"
    assert not received


@pytest.mark.parametrize("path", ["/json/", "/raw/"])
@pytest.mark.parametrize("media_type", ["application/json", "text/plain"])
async def test_body_that_becomes_larger_is_refused(path: str, media_type: str) -> None:
    headers = {"Content-Type": media_type}
    response = await CLIENT.post(path, content=chunks(11), headers=headers)
    assert_error_response(response, 413, "body_too_large")
    assert response.headers["Connection"] == "close"
    assert not received


async def test_chunks_within_the_limit_are_accepted() -> None:
    assert (await CLIENT.post("/raw/", content=chunks(10))).status_code == 200
    assert received == [b" " * LIMIT]


async def test_no_chunk_is_read_after_the_limit() -> None:
    read: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            read.append(1)
            yield b" " * 100

    response = await CLIENT.post("/raw/", content=endless())
    assert_error_response(response, 413, "body_too_large")
    assert len(read) <= 12


async def status_of(content_length: str, *parts: bytes) -> int | None:
    """The status of a request that no HTTP client sends."""
    connection = Connection(
        *({"type": "http.request", "body": part, "more_body": True} for part in parts),
        {"type": "http.request", "body": b"", "more_body": False},
    )
    scope = http_scope("POST", "/raw/", content_length=content_length)
    await CLIENT.transport.app(scope, connection.receive, connection.send)
    return connection.status


@pytest.mark.parametrize("length", ["", "-1", "1e3", "abc", "٣", "0"])
async def test_wrong_length_is_ignored(length: str) -> None:
    assert await status_of(length, *[b" " * 100] * 11) == 413
    assert await status_of(length, b" ") == 200


@pytest.mark.parametrize("length", ["1" * 30, "9" * 10_000])
async def test_length_of_many_digits_is_too_large(length: str) -> None:
    assert await status_of(length) == 413
