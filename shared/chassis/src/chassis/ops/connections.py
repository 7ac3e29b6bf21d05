"""Bounds the connections of a server: how many there are, and how long each may send nothing.

uvicorn has a limit of requests only. Connections without one would use up the process's file descriptors.
"""

import asyncio
import time
from typing import Any

import structlog

logger = structlog.get_logger(__name__)

_LOG_EVERY_SECONDS = 10.0


class Connections:
    """The open connections of one server, the oldest first."""

    def __init__(self, *, most: int, silent_seconds: float) -> None:
        """A connection may wait `silent_seconds` for the headers of its first or next request."""
        self._most = most
        self._silent_seconds = silent_seconds
        self._open: dict[Any, tuple[object, float]] = {}
        """The last request of each, and since when it has been its last."""
        self._closed = {"silent": 0, "over_limit": 0}
        self._logged_at = float("-inf")

    def bounded(self, protocol: type[asyncio.Protocol]) -> type[asyncio.Protocol]:
        """Uvicorn's protocol, whose connections count."""
        connections = self

        class Bounded(protocol):  # type: ignore[misc, valid-type]
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                connections._add(self)

            def connection_lost(self, error: Exception | None) -> None:
                connections._open.pop(self, None)
                super().connection_lost(error)

        return Bounded

    def sweep(self) -> None:
        """Close those that have been silent for too long. The server calls it every second."""
        now = time.monotonic()
        for each, (request, since) in list(self._open.items()):
            if each.cycle is not request or not _is_silent(each):
                self._open[each] = (each.cycle, now)
            elif now - since > self._silent_seconds:
                self._close(each, "silent")
        if any(self._closed.values()) and now - self._logged_at > _LOG_EVERY_SECONDS:
            logger.warning("connections_closed", **self._closed, open=len(self._open))
            self._closed = dict.fromkeys(self._closed, 0)
            self._logged_at = now

    def _add(self, protocol: Any) -> None:
        self._open[protocol] = (None, time.monotonic())
        if len(self._open) > self._most:
            # Rather one that never sent a request than one that a proxy uses again. At worst the new one.
            silent = filter(_is_silent, self._open)
            self._close(min(silent, key=lambda each: each.cycle is not None), "over_limit")

    def _close(self, protocol: Any, reason: str) -> None:
        del self._open[protocol]
        self._closed[reason] += 1
        protocol.shutdown()  # closes it, as it has no request


def _is_silent(protocol: Any) -> bool:
    return protocol.cycle is None or protocol.cycle.response_complete
