"""Connections that send nothing, and too many of them."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from structlog.types import EventDict
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from chassis.ops import connections as connections_module
from chassis.ops.connections import Connections

REQUEST = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
MOST = 3

Connect = Callable[..., Awaitable[tuple[StreamReader, StreamWriter]]]


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    """Without patience, at a sweep."""
    monkeypatch.setattr(connections_module, "_LOG_EVERY_SECONDS", -1)
    return Connections(most=MOST, silent_seconds=-1)


@pytest.fixture
def may_answer() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def connect(connections: Connections, may_answer: asyncio.Event) -> AsyncIterator[Connect]:
    """Opens a connection to a server, and waits until the server has it."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await may_answer.wait()
        await Response("served")(scope, receive, send)

    protocol = connections.bounded(AutoHTTPProtocol)
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="off", http=protocol)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    opened = []

    async def connect(*, is_refused: bool = False) -> tuple[StreamReader, StreamWriter]:
        before = set(server.server_state.connections)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        opened.append(await asyncio.open_connection(host, port))
        while not is_refused and not set(server.server_state.connections) - before:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
        return opened[-1]

    yield connect
    may_answer.set()
    for _, writer in opened:
        writer.close()
    await server.shutdown()


async def send(writer: StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()
    await asyncio.sleep(0.01)  # the server tells nobody that it has read it


async def test_silent_connection_is_closed_and_logged(
    connect: Connect, connections: Connections, logs: list[EventDict]
) -> None:
    reader, _ = await connect()
    connections.sweep()
    assert await reader.read() == b""
    closed = [line for line in logs if line["event"] == "connections_closed"]
    assert [(line["silent"], line["over_limit"]) for line in closed] == [(1, 0)]


async def test_headers_that_never_end_are_silence(
    connect: Connect, connections: Connections
) -> None:
    reader, writer = await connect()
    await send(writer, REQUEST[:-2])
    connections.sweep()
    assert await reader.read() == b""


async def test_connection_with_a_request_is_not_silent(
    connect: Connect, connections: Connections, may_answer: asyncio.Event
) -> None:
    reader, writer = await connect()
    await send(writer, REQUEST)
    connections.sweep()
    may_answer.set()
    for _ in range(2):
        await reader.readuntil(b"served")
        await send(writer, REQUEST)
    await reader.readuntil(b"served")
    connections.sweep()  # it had requests since the last one
    await send(writer, REQUEST)
    await reader.readuntil(b"served")


async def test_connection_that_is_too_much_ends_the_oldest_silent_one(
    connect: Connect, connections: Connections, may_answer: asyncio.Event, logs: list[EventDict]
) -> None:
    used, busy, oldest = await connect(), await connect(), await connect()
    may_answer.set()
    await send(used[1], REQUEST)
    await used[0].readuntil(b"served")
    may_answer.clear()
    await send(busy[1], REQUEST)
    new = await connect()
    assert await oldest[0].read() == b""
    may_answer.set()
    await busy[0].readuntil(b"served")
    for reader, writer in (used, busy, new):
        await send(writer, REQUEST)
        await reader.readuntil(b"served")
    connections.sweep()
    closed = [line for line in logs if line["event"] == "connections_closed"]
    assert [(line["silent"], line["over_limit"]) for line in closed] == [(0, 1)]


async def test_new_connection_is_closed_when_all_others_have_requests(
    connect: Connect, may_answer: asyncio.Event
) -> None:
    busy = [await connect() for _ in range(MOST)]
    for _, writer in busy:
        await send(writer, REQUEST)
    refused, _ = await connect(is_refused=True)
    assert await refused.read() == b""
    may_answer.set()
    for reader, _ in busy:
        await reader.readuntil(b"served")
