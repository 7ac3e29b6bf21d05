"""The server, which ends without failing a request."""

import asyncio
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from chassis.ops.connections import Connections
from chassis.ops.health import Lifecycle
from chassis.ops.http_protocol import BoundedProtocol
from chassis.ops.settings import ServiceSettings

logger = structlog.get_logger(__name__)

_TICKS_PER_SECOND = 10  # uvicorn's
_MAX_SECONDS_WITHOUT_REQUEST = 10.0
_OTHER_FILES = 200
"""Descriptors for what isn't a client's connection: databases, other services, libraries."""
_OUT_OF_MEMORY = 1
_LAST_REQUESTS_SECONDS = 0.5
"""For clients that connected just before the socket was closed, to send their request."""


class DrainingServer(uvicorn.Server):
    """Serves for a while after SIGTERM, so that load balancers can choose another replica first.

    In that time it isn't ready, and closes each connection after its next response. Then it stops
    accepting, finishes the requests under way, and ends. Another signal, or Ctrl-C, skips the wait. When the
    process runs out of memory it does the same, to be started again.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        lifecycle: Lifecycle,
        connections: Connections,
        *,
        drain_seconds: float,
    ) -> None:
        """`config` has the protocol of the `connections`."""
        super().__init__(config)
        self._connections = connections
        self._lifecycle = lifecycle
        self._drain_seconds = drain_seconds
        self._drained_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        is_first = not self._lifecycle.is_stopping
        self._lifecycle.is_stopping = True
        super().handle_exit(sig, frame)
        if is_first and self.started and sig == signal.SIGTERM and self._drain_seconds > 0:
            self.should_exit = False  # not yet
            self._drained_at = time.monotonic() + self._drain_seconds

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_PER_SECOND == 0:
            self._connections.sweep()
        if self._lifecycle.is_out_of_memory and not self._lifecycle.is_stopping:
            self._lifecycle.is_stopping = True
            self._drained_at = time.monotonic() + self._drain_seconds
        if self._drained_at is not None and time.monotonic() >= self._drained_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; after a drain, without closing a connection whose request may still arrive.

        uvicorn closes connections in the kernel's backlog, and accepted ones whose request it hasn't read. A proxy
        that ignores readiness has such connections at any time, and can't repeat a POST.
        """
        if self._drained_at is not None:
            await self._stop_accepting()
            await asyncio.sleep(_LAST_REQUESTS_SECONDS)
        await super().shutdown(sockets)

    async def _stop_accepting(self) -> None:
        """Accept the connections in the kernel's backlog, and no others."""
        loop = asyncio.get_running_loop()
        for server in self.servers:
            # Duplicates of the sockets stay open for connections that arrive while the loop closes its own.
            listeners = [socket.socket(fileno=os.dup(each.fileno())) for each in server.sockets]
            server.close()
            for listener in listeners:
                with listener:
                    waiting = list(_accept_all(listener))
                for connection in waiting:
                    await loop.connect_accepted_socket(self._new_protocol, connection)

    def _new_protocol(self) -> asyncio.Protocol:
        # As uvicorn makes it for connections that the loop accepts.
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


def _accept_all(listener: socket.socket) -> Iterator[socket.socket]:
    listener.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            yield listener.accept()[0]


def _raise_file_limit(connections: int) -> None:
    """Allow as many open files as the connections need, if the operating system lets this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < needed:
            logger.warning("open_files_limit_is_low", limit=soft, needed=needed)


def serve_until_signalled(app: FastAPI, settings: ServiceSettings) -> None:
    """Serve an app of `build_app` until SIGTERM or Ctrl-C."""
    # At its end, the server raises the signal again, for the previous handler.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _raise_file_limit(settings.max_connections)
    connections = Connections(
        most=settings.max_connections, silent_seconds=_MAX_SECONDS_WITHOUT_REQUEST
    )
    config = uvicorn.Config(
        app,
        http=connections.bounded(BoundedProtocol),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    lifecycle = app.state.lifecycle
    server = DrainingServer(config, lifecycle, connections, drain_seconds=settings.drain_seconds)
    with suppress(KeyboardInterrupt):  # Ctrl-C, raised again when all has ended
        server.run()
    if lifecycle.is_out_of_memory:
        sys.exit(_OUT_OF_MEMORY)
    if not server.started:
        sys.exit(STARTUP_FAILURE)
