"""Each fault raises in a client what the real failure on a real socket raises."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from service_testing.faults import (
    Behaviour,
    FaultyTransport,
    answer,
    delayed,
    refused,
    reset,
    truncated,
)

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BODY = b"0123456789"
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
ANSWER = answer(content=BODY)


def _says(words: bytes) -> Handler:
    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        writer.close()

    return handle


async def _resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD + b"Content-Length: 10\r\n\r\n" + BODY[:4])
    await writer.drain()
    # With a linger time of zero, close() sends a reset instead of an end (tcp(7), SO_LINGER).
    options = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, options)
    writer.transport.abort()


async def _keeps_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@asynccontextmanager
async def _real(handler: Handler | None) -> AsyncIterator[str]:
    server = await asyncio.start_server(handler or _keeps_silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    if handler is None:
        server.close()
        await server.wait_closed()
    async with server:
        yield url


async def _outcome(client: httpx.AsyncClient, url: str) -> object:
    try:
        return (await client.get(url)).content
    except httpx.HTTPError as error:
        return type(error)


# How long a client waits for an answer that doesn't come; one that comes is never as late.
PATIENCE = httpx.Timeout(60, read=1)


@pytest.mark.parametrize(
    ("fault", "handler"),
    [
        pytest.param(refused(), None, id="refused"),
        pytest.param(reset(ANSWER, after_bytes=4), _resets, id="reset"),
        pytest.param(delayed(ANSWER, seconds=60), _keeps_silent, id="time-out"),
        pytest.param(
            truncated(ANSWER, after_bytes=4),
            _says(HEAD + b"Content-Length: 10\r\n\r\n0123"),
            id="truncated, noticed",
        ),
        pytest.param(
            truncated(ANSWER, after_bytes=4, is_noticed=False),
            _says(HEAD + b"\r\n0123"),
            id="truncated, not noticed",
        ),
    ],
)
async def test_fault_raises_what_the_real_failure_raises(
    fault: Behaviour, handler: Handler | None
) -> None:
    async with (
        _real(handler) as url,
        httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client,
    ):
        real = await _outcome(client, url)
    async with httpx.AsyncClient(timeout=PATIENCE, transport=FaultyTransport(fault)) as client:
        assert await _outcome(client, url) == real
