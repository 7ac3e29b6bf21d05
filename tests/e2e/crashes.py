"""A service is killed while it writes."""

import asyncio
from collections.abc import Callable

import httpx

from tests.e2e.stack import Service

_WRITERS = 8
_ACKNOWLEDGED_BEFORE_THE_KILL = 50


async def write_until_killed(
    service: Service, client: httpx.AsyncClient, path: str, new_body: Callable[[], object]
) -> dict[int, dict[str, str]]:
    """Write on several connections and kill the service while they run; the acknowledged bodies by id."""
    acknowledged: dict[int, dict[str, str]] = {}
    enough = asyncio.Event()

    async def write() -> None:
        while True:
            body = new_body()
            try:
                response = await client.post(path, json=body)
            except httpx.TransportError:
                return
            if response.status_code == 503:  # answered by a proxy
                return
            acknowledged[_created_id(response)] = body  # type: ignore[assignment]
            if len(acknowledged) >= _ACKNOWLEDGED_BEFORE_THE_KILL:
                enough.set()

    writers = [asyncio.create_task(write()) for _ in range(_WRITERS)]
    await enough.wait()
    await asyncio.to_thread(service.kill)
    await asyncio.gather(*writers)
    return acknowledged


def _created_id(response: httpx.Response) -> int:
    assert response.status_code == 201, response.text
    created_id: int = response.json()["id"]
    return created_id
