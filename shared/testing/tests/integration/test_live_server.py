"""A real server, and real commits."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event
from typing import cast

import httpx
import pytest
from example.app import Note, create_app
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import QueuePool

from chassis.db.database import Database, DatabaseLimits
from service_testing.live_server import LiveServer, ServerFailed, serving


async def test_concurrent_requests_have_their_own_connections(
    live_server: LiveServer, session: AsyncSession
) -> None:
    async with live_server.client() as client:
        posts = (client.post("/notes/", params={"title": f"{n % 50}"}) for n in range(100))
        responses = await asyncio.gather(*posts)
    assert Counter(response.status_code for response in responses) == {201: 50, 409: 50}
    assert await session.scalar(select(func.count(Note.id))) == 50


@pytest.mark.parametrize("run", [1, 2])
async def test_test_with_live_server_is_committed_without_the_marker(
    live_server: LiveServer, run: int
) -> None:
    async with live_server.client(token="a-token") as client:
        assert (await client.get("/notes/")).json() == []
        response = await client.post("/notes/", params={"title": "leaks?"})
        assert response.request.headers["Authorization"] == "Bearer a-token"


def test_blocking_client_gets_a_response(live_server: LiveServer) -> None:
    assert httpx.get(f"{live_server.url}/motto", trust_env=False).json() == "set by the lifespan"


def test_socket_is_closed_after_the_end(database_url: str, create_tables: None) -> None:
    with serving(create_app, database_url) as server:
        port = int(server.url.rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_app_that_cannot_be_made_is_an_error_and_gets_a_patient_database(
    database_url: str,
) -> None:
    """On a busy machine a hundred concurrent writes on SQLite take longer than a service waits in production."""
    of_a_server: list[Database] = []

    def keep(*, database: Database) -> FastAPI:
        of_a_server.append(database)
        raise LookupError

    with pytest.raises(ServerFailed) as caught, serving(keep, database_url):
        pytest.fail("it started")
    assert isinstance(caught.value.__cause__, LookupError)
    (served,) = of_a_server
    for engine in (served.write_engine, served.read_engine):
        assert cast(QueuePool, engine.pool).timeout() > DatabaseLimits().wait_seconds


def test_app_that_does_not_start_raises_server_failed(empty_database_url: str) -> None:
    with pytest.raises(ServerFailed), serving(create_app, empty_database_url):
        pytest.fail("it started without its tables")


def test_server_that_does_not_stop_is_reported_with_its_tasks(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service_testing.live_server._END_SECONDS", 0.5)
    has_waited = Event()

    @asynccontextmanager
    async def wait_at_the_end(_: FastAPI) -> AsyncIterator[None]:
        yield
        while not has_waited.is_set():  # noqa: ASYNC110 - another thread sets it
            await asyncio.sleep(0.01)

    def create_app(*, database: Database) -> FastAPI:
        return FastAPI(lifespan=wait_at_the_end)

    try:
        with pytest.raises(ServerFailed, match="lifespan"), serving(create_app, database_url):
            pass
    finally:
        has_waited.set()
