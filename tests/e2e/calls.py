"""The requests that a test sends, each with an id that the services' logs have too."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import httpx

_ID = "X-Request-ID"
_CONNECTIONS = httpx.Limits(max_connections=50)


@dataclass
class Call:
    at: str
    method: str
    path: str
    request_id: str
    status: int | None = None
    """None when no answer came."""

    def __str__(self) -> str:
        return (
            f"{self.at}  {self.status or 'none':>4}  {self.request_id}  {self.method} {self.path}"
        )


@dataclass
class CallLog:
    """Makes clients, and notes what they send: method, path and status, and nothing else of it."""

    calls: list[Call] = field(default_factory=list)

    def client(self, base_url: str) -> httpx.Client:
        client = httpx.Client(base_url=base_url, trust_env=False, timeout=30)
        client.event_hooks = {"request": [self._sent], "response": [self._answered]}
        return client

    def async_client(self, base_url: str) -> httpx.AsyncClient:
        async def sent(request: httpx.Request) -> None:
            self._sent(request)

        async def answered(response: httpx.Response) -> None:
            self._answered(response)

        client = httpx.AsyncClient(
            base_url=base_url, trust_env=False, timeout=60, limits=_CONNECTIONS
        )
        client.event_hooks = {"request": [sent], "response": [answered]}
        return client

    def __str__(self) -> str:
        return "".join(f"{call}\n" for call in self.calls)

    def _sent(self, request: httpx.Request) -> None:
        request_id = request.headers.setdefault(_ID, f"e2e-{uuid4().hex}")
        now = f"{datetime.now(UTC):%H:%M:%S.%f}"
        call = Call(now, request.method, request.url.path, request_id)
        request.extensions["call"] = call
        self.calls.append(call)

    def _answered(self, response: httpx.Response) -> None:
        call: Call = response.request.extensions["call"]
        call.status = response.status_code
