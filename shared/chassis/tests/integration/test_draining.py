"""The drain between SIGTERM and the end of the process."""

import asyncio
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import anyio.to_thread
import httpx
import pytest
import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from tests.example.app import MIGRATIONS
from tests.example.process import Served, served

from chassis.db import migrations
from chassis.ops.connections import Connections
from chassis.ops.health import Lifecycle
from chassis.ops.serving import DrainingServer
from service_testing.databases import sqlite_url

_LOOK_EVERY_SECONDS = 0.05
_CLIENTS = 8
REQUEST = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = sqlite_url(tmp_path_factory.mktemp("drain") / "test.db")
    migrations.upgrade(url, MIGRATIONS)
    return url


@pytest.fixture
def draining(url: str) -> Iterator[Served]:
    """A service that has received a SIGTERM and drains for five minutes."""
    with served(NOTES_DATABASE_URL=url, NOTES_DRAIN_SECONDS="300") as service:
        service.client.get("/health/ready").raise_for_status()
        service.process.send_signal(signal.SIGTERM)
        while service.client.get("/health/ready").status_code == 200:
            pass
        yield service


class TestDraining:
    def test_draining_service_is_alive_and_not_ready(self, draining: Served) -> None:
        ready = draining.client.get("/health/ready")
        assert (ready.status_code, ready.json()) == (503, {"status": "stopping", "checks": {}})
        assert draining.client.get("/health/live").status_code == 200

    @pytest.mark.slow
    def test_draining_service_closes_each_connection_after_its_response(
        self, draining: Served
    ) -> None:
        created = draining.client.post("/notes/", json={"title": "late"})
        assert created.status_code == 201
        assert created.headers["Connection"] == "close"

    @pytest.mark.slow
    @pytest.mark.parametrize("another", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
    def test_second_signal_ends_the_service_at_once(
        self, draining: Served, another: signal.Signals
    ) -> None:
        draining.end(another)
        assert draining.process.returncode == 0

    @pytest.mark.slow
    def test_ctrl_c_does_not_drain(self, url: str) -> None:
        with served(NOTES_DATABASE_URL=url, NOTES_DRAIN_SECONDS="300") as service:
            service.end(signal.SIGINT)
            assert service.process.returncode == 0


@pytest.fixture
async def at_its_end() -> AsyncIterator[DrainingServer]:
    """A server that has drained and is about to stop accepting."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Response("served")(scope, receive, send)

    config = uvicorn.Config(app, port=0, log_config=None, lifespan="off")
    config.load()
    connections = Connections(most=10, silent_seconds=10)
    server = DrainingServer(config, Lifecycle(), connections, drain_seconds=1)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    server._drained_at = 0.0
    yield server
    for each in server.servers:
        each.close()


def connect_to(server: DrainingServer) -> socket.socket:
    """A connection in the backlog of the kernel: the server accepts it when its loop continues."""
    return socket.create_connection(server.servers[0].sockets[0].getsockname())


class TestTheLastConnections:
    """A proxy that ignores readiness sends requests until the port is closed."""

    async def test_connection_that_is_not_accepted_yet_is_served(
        self, at_its_end: DrainingServer
    ) -> None:
        with connect_to(at_its_end) as client:
            client.sendall(REQUEST)
            await at_its_end.shutdown()
            assert client.recv(1000).endswith(b"served")

    async def test_request_that_arrives_during_the_shutdown_is_served(
        self, at_its_end: DrainingServer
    ) -> None:
        with connect_to(at_its_end) as client:
            ending = asyncio.create_task(at_its_end.shutdown())
            while at_its_end.servers[0].is_serving():  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0)
            client.sendall(REQUEST)
            await ending
            assert client.recv(1000).endswith(b"served")

    async def test_later_connection_is_refused(self, at_its_end: DrainingServer) -> None:
        address = at_its_end.servers[0].sockets[0].getsockname()
        await at_its_end.shutdown()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)


@dataclass
class Balancer:
    """Sends requests to the replicas in turn, as a proxy does: those that were ready when it looked.

    It reuses connections, polls readiness, and never retries.
    """

    ports: list[int]
    answers: Counter[int | str] = field(default_factory=Counter)
    _ready: list[int] = field(default_factory=list)
    _turn: int = 0

    async def look(self, http: httpx.AsyncClient) -> None:
        while True:
            ready = []
            for port in self.ports:
                try:
                    response = await http.get(f"http://127.0.0.1:{port}/health/ready")
                except httpx.TransportError:
                    continue
                if response.status_code == 200:
                    ready.append(port)
            self._ready = ready
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def send(self, http: httpx.AsyncClient) -> None:
        while True:
            while not self._ready:  # noqa: ASYNC110 - it polls, as a proxy does
                await asyncio.sleep(_LOOK_EVERY_SECONDS)
            self._turn += 1
            port = self._ready[self._turn % len(self._ready)]
            try:
                note = {"title": f"note {self._turn}"}
                response = await http.post(f"http://127.0.0.1:{port}/notes/", json=note)
            except httpx.TransportError as error:
                self.answers[type(error).__name__] += 1
            else:
                self.answers[response.status_code] += 1


@pytest.mark.slow
async def test_rolling_restart_of_two_replicas_fails_no_request(url: str) -> None:
    with ExitStack() as stack:

        def start(**variables: str) -> Served:
            settings = {
                "NOTES_DATABASE_URL": url,
                "NOTES_DRAIN_SECONDS": "1",
                # The log is read at the end, and a full pipe would block the process.
                "NOTES_LOG_LEVEL": "warning",
                **variables,
            }
            return stack.enter_context(served(**settings))

        replicas = [start(), start()]
        balancer = Balancer([replica.port for replica in replicas])
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http, asyncio.TaskGroup() as g:
            tasks = [g.create_task(balancer.look(http))]
            tasks += [g.create_task(balancer.send(http)) for _ in range(_CLIENTS)]
            for replica in replicas:
                await _has_sent(balancer, 50)
                await anyio.to_thread.run_sync(replica.end, signal.SIGTERM)
                assert replica.process.returncode == 0
                await _has_sent(balancer, 50)
                again = partial(start, NOTES_PORT=str(replica.port))
                await anyio.to_thread.run_sync(again)
            await _has_sent(balancer, 50)
            for task in tasks:
                task.cancel()
    assert set(balancer.answers) == {201}


async def _has_sent(balancer: Balancer, more: int) -> None:
    enough = balancer.answers.total() + more
    while balancer.answers.total() < enough:  # noqa: ASYNC110 - senders set no event
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
