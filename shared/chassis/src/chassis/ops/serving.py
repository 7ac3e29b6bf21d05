"""The server, which ends without failing a request."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from chassis.ops.health import Lifecycle
from chassis.ops.settings import ServiceSettings

_LAST_REQUESTS_SECONDS = 0.5
"""For clients that connected just before the socket was closed, to send their request."""


class DrainingServer(uvicorn.Server):
    """Serves for a while after SIGTERM, so that load balancers can choose another replica first.

    In that time it isn't ready, and closes each connection after its next response. Then it stops
    accepting, finishes the requests under way, and ends. Another signal, or Ctrl-C, skips the wait.
    """

    def __init__(
        self, config: uvicorn.Config, lifecycle: Lifecycle, *, drain_seconds: float
    ) -> None:
        super().__init__(config)
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


def serve_until_signalled(app: FastAPI, settings: ServiceSettings) -> None:
    """Serve an app of `build_app` until SIGTERM or Ctrl-C."""
    # At its end, the server raises the signal again, for the previous handler.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    server = DrainingServer(config, app.state.lifecycle, drain_seconds=settings.drain_seconds)
    with suppress(KeyboardInterrupt):  # Ctrl-C, raised again when all has ended
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)
