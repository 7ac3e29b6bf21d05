from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import APIRouter, Request
from starlette.types import Message
from tests.example.app import client_of

from chassis.web.media_types import StrictRoute
from service_testing.assertions import assert_error_response
from service_testing.client import AppClient

LIMIT = 1000


class Notes:
    """An app that takes notes of at most 1,000 bytes, and keeps them."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        router = APIRouter(route_class=StrictRoute)

        @router.post("/notes/")
        async def create_note(body: str) -> None:
            self.kept.append(body)

        @router.post("/json/")
        async def create_any(body: dict[str, str]) -> None:
            self.kept.append(body)

        @router.post("/raw/")
        async def create_raw(request: Request) -> None:
            self.kept.append(await request.body())

        self.client: AppClient = client_of(router, max_body_bytes=LIMIT)


@pytest.fixture
def notes() -> Notes:
    return Notes()


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 100


def json_of(size: int) -> bytes:
    return b'{"a":"%s"}' % (b"x" * (size - 8))


async def test_a_body_as_large_as_the_limit_is_taken(notes: Notes) -> None:
    headers = {"Content-Type": "application/json"}
    response = await notes.client.post("/json/", content=json_of(LIMIT), headers=headers)
    assert response.status_code == 200
    assert len(notes.kept) == 1


@pytest.mark.parametrize("path", ["/json/", "/raw/", "/nothing", "/health/live"])
async def test_a_body_that_is_announced_as_larger_is_refused_unread(
    notes: Notes, path: str
) -> None:
    response = await notes.client.post(path, content=json_of(LIMIT + 1))
    assert_error_response(response, 413, "body_too_large")
    assert response.headers["Connection"] == "close"
    assert not notes.kept


@pytest.mark.parametrize("path", ["/json/", "/raw/"])
@pytest.mark.parametrize("media_type", ["application/json", "text/plain"])
async def test_a_body_that_grows_larger_in_chunks_is_refused_and_not_handled(
    notes: Notes, path: str, media_type: str
) -> None:
    headers = {"Content-Type": media_type}
    response = await notes.client.post(path, content=chunks(11), headers=headers)
    assert_error_response(response, 413, "body_too_large")
    assert response.headers["Connection"] == "close"
    assert not notes.kept


async def test_chunks_within_the_limit_are_taken(notes: Notes) -> None:
    assert (await notes.client.post("/raw/", content=chunks(10))).status_code == 200
    assert notes.kept == [b" " * LIMIT]


async def test_no_chunk_is_read_after_the_one_that_is_too_much(notes: Notes) -> None:
    read: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            read.append(1)
            yield b" " * 100

    response = await notes.client.post("/raw/", content=endless())
    assert_error_response(response, 413, "body_too_large")
    assert len(read) <= 12


@pytest.mark.parametrize("length", ["", "-1", "1e3", "abc", "٣", "0"])
async def test_a_length_that_is_wrong_is_not_believed(notes: Notes, length: str) -> None:
    headers = {"Content-Length": length.encode()}
    assert (await _post(notes, headers, [b" " * 100] * 11))["status"] == 413
    assert (await _post(notes, headers, [b" "]))["status"] == 200


@pytest.mark.parametrize("length", ["1" * 30, "9" * 10_000])
async def test_a_length_beyond_all_measure_is_too_large(notes: Notes, length: str) -> None:
    assert (await _post(notes, {"Content-Length": length.encode()}, []))["status"] == 413


async def _post(notes: Notes, headers: dict[str, bytes], parts: list[bytes]) -> Message:
    """Send what no HTTP client sends; the start of the answer."""
    sent: list[Message] = []
    messages = iter(
        [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        + [{"type": "http.request", "body": b"", "more_body": False}]
    )

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/raw/",
        "raw_path": b"/raw/",
        "query_string": b"",
        "headers": [(name.lower().encode(), value) for name, value in headers.items()],
    }
    await notes.client.transport.app(scope, receive, send)
    return sent[0]
