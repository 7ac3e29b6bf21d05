"""Clients that read all the time, whatever fails."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

_PAUSE_SECONDS = 0.02


@dataclass
class Reads:
    sent: int = 0
    failures: list[str] = field(default_factory=list)
    failed_at: list[float] = field(default_factory=list)
    undocumented: list[str] = field(default_factory=list)
    """Answers that no client should ever get."""


class Reader:
    """Reads the paths in turn. They exist during the whole run."""

    def __init__(
        self, url: str, paths: Sequence[str], reads: Reads, timeout_seconds: float
    ) -> None:
        self._paths = paths
        self._reads = reads
        self._client = httpx.AsyncClient(base_url=url, timeout=timeout_seconds, trust_env=False)

    async def read_until(self, end: asyncio.Event) -> None:
        async with self._client:
            while not end.is_set():
                for path in self._paths:
                    await self._read(path)
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _read(self, path: str) -> None:
        self._reads.sent += 1
        try:
            response = await self._client.get(path)
        except httpx.TransportError as error:
            self._failed(f"GET {path}: {type(error).__name__}")
            return
        if response.status_code != httpx.codes.OK:
            answer = f"GET {path}: {response.status_code} {response.text}"
            self._failed(answer)
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                self._reads.undocumented.append(answer)

    def _failed(self, description: str) -> None:
        self._reads.failures.append(description)
        self._reads.failed_at.append(time.monotonic())
