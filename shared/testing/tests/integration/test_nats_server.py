"""The NATS server of tests: rights, faults, and what it stores."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest
from nats import errors
from nats.js.errors import NoStreamResponseError

from service_testing.nats_server import NatsServer, nats_server

STREAM, READER = "notes", "reader"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with nats_server(tmp_path, {STREAM: [], READER: [STREAM]}) as running:
        yield running


async def publish(server: NatsServer, user: str, seconds: float = 5) -> None:
    client = await nats.connect(
        server.url(user, with_password=True), inbox_prefix=f"_INBOX_{user}".encode()
    )
    try:
        await client.jetstream().publish(f"{STREAM}.1", b"", timeout=seconds)
    finally:
        await client.close()


async def create_stream(server: NatsServer) -> None:
    client = await nats.connect(server.url(with_password=True))
    await client.jetstream().add_stream(name=STREAM, subjects=[f"{STREAM}.>"])
    await client.close()


async def stored(server: NatsServer) -> int:
    """How many messages the stream has."""
    client = await nats.connect(server.url(with_password=True))
    try:
        return (await client.jetstream().stream_info(STREAM)).state.messages
    finally:
        await client.close()


async def test_user_may_publish_to_its_own_stream_only(server: NatsServer) -> None:
    await create_stream(server)
    await publish(server, STREAM)
    assert await stored(server) == 1
    with pytest.raises((errors.Error, TimeoutError)):
        await publish(server, READER, seconds=0.5)
    assert await stored(server) == 1


async def test_stream_survives_a_kill(server: NatsServer) -> None:
    await create_stream(server)
    await publish(server, STREAM)
    server.kill()
    await asyncio.to_thread(server.start)
    assert await stored(server) == 1


async def test_paused_server_answers_nothing(server: NatsServer) -> None:
    await create_stream(server)
    client = await nats.connect(server.url(with_password=True))
    with server.paused(), pytest.raises(TimeoutError):
        await client.jetstream().publish(f"{STREAM}.1", b"", timeout=0.2)
    await client.close()


async def test_missing_stream_is_an_error_of_the_client(server: NatsServer) -> None:
    with pytest.raises(NoStreamResponseError):
        await publish(server, STREAM)
