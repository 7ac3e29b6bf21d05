"""The service's app behind a real server on a real socket."""

import asyncio
import io
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Event, Thread
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from chassis.db.database import Database, DatabaseLimits

# In production a request that waits long for a connection is refused. In a test that would be a failure that depends
# on the machine.
PATIENT_LIMITS = DatabaseLimits(wait_seconds=30)

_BACKLOG = 2048
# Longer than many concurrent requests take on a busy machine.
_PATIENCE_SECONDS = 60.0
# Shorter than the limit of a test, so that the message shows what hangs.
_END_SECONDS = 40.0


class ServerFailed(Exception):
    """The app didn't start (the log has the reason), or doesn't stop."""


class LiveServer:
    """The address of the app. Blocking clients can use it, too."""

    def __init__(self, url: str) -> None:
        self.url = url

    def client(self, *, token: str | None = None) -> httpx.AsyncClient:
        """A client with a connection for each concurrent request. The caller closes it."""
        return httpx.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}"} if token else None,
            limits=httpx.Limits(max_connections=None),
            timeout=_PATIENCE_SECONDS,
            trust_env=False,
            verify=_no_certificates(),
        )


@contextmanager
def serving(create_app: Callable[..., FastAPI], database_url: str) -> Iterator[LiveServer]:
    """Serve an app until the end of the block. It has its own connections to the database.

    Raises:
        ServerFailed: the app doesn't start or stop.
    """
    # Bound before the server starts, so no other process can take the port.
    with socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG) as sock:
        # asyncio sets this only for sockets that name their protocol. Without it, a response in two parts waits 40 ms
        # for the client to acknowledge the first part.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
        thread = _ServerThread(create_app, database_url, sock)
        thread.start()
        try:
            thread.wait_until_up()
            yield LiveServer(f"http://127.0.0.1:{sock.getsockname()[1]}")
        finally:
            thread.stop()


class _ServerThread(Thread):
    """Has its own event loop, so that blocking tests can call the server."""

    def __init__(
        self, create_app: Callable[..., FastAPI], database_url: str, sock: socket.socket
    ) -> None:
        super().__init__(name="live-server", daemon=True)
        self._create_app = create_app
        self._database_url = database_url
        self._socket = sock
        self._is_decided = Event()
        self._server: _Server | None = None
        self._failure: BaseException | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised again where the server is used
            self._failure = error
        finally:
            self._is_decided.set()

    def wait_until_up(self) -> None:
        self._is_decided.wait(_PATIENCE_SECONDS)
        if self._server is None or not self._server.started:
            raise ServerFailed("The app didn't start.") from self._failure

    def stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
        self.join(_END_SECONDS)
        if self.is_alive():
            raise ServerFailed(f"The server doesn't stop. Its tasks:\n{self._tasks()}")

    def _tasks(self) -> str:
        text = io.StringIO()
        for task in asyncio.all_tasks(self._loop):
            task.print_stack(file=text)
        return text.getvalue()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        database = Database(self._database_url, limits=PATIENT_LIMITS)
        try:
            config = uvicorn.Config(
                self._create_app(database=database),
                log_config=None,
                access_log=False,
                server_header=False,
                # Slow clients would find their connections closed.
                timeout_keep_alive=60,
                ws="none",
                lifespan="on",
            )
            self._server = _Server(config, self._is_decided)
            await self._server.serve(sockets=[self._socket])
        finally:
            await database.aclose()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, is_up: Event) -> None:
        super().__init__(config)
        self._is_up = is_up

    async def startup(self, *args: Any, **options: Any) -> None:
        await super().startup(*args, **options)
        self._is_up.set()


@cache
def _no_certificates() -> ssl.SSLContext:
    # Loading certificates takes tens of milliseconds, and the server uses plain HTTP.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
