"""The requests that a test sends, each with an id that is also in the services' logs."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import httpx

_REQUEST_ID = "X-Request-ID"
_LIMITS = httpx.Limits(max_connections=50)


@dataclass
class SentRequest:
    at: str
    method: str
    path: str
    request_id: str
    status: int | None = None
    """None when no answer came."""

    def __str__(self) -> str:
        status = self.status or "none"
        return f"{self.at}  {status:>4}  {self.request_id}  {self.method} {self.path}"


@dataclass
class RequestLog:
    """Makes clients and records method, path and status of what they send, and nothing else."""

    requests: list[SentRequest] = field(default_factory=list)

    def client(self, base_url: str) -> httpx.Client:
        client = httpx.Client(base_url=base_url, trust_env=False, timeout=30)
        client.event_hooks = {"request": [self._sent], "response": [self._answered]}
        return client

    def async_client(self, base_url: str) -> httpx.AsyncClient:
        async def sent(request: httpx.Request) -> None:
            self._sent(request)

        async def answered(response: httpx.Response) -> None:
            self._answered(response)

        client = httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=60, limits=_LIMITS)
        client.event_hooks = {"request": [sent], "response": [answered]}
        return client

    def __str__(self) -> str:
        return "".join(f"{request}\n" for request in self.requests)

    def _sent(self, request: httpx.Request) -> None:
        request_id = request.headers.setdefault(_REQUEST_ID, f"e2e-{uuid4().hex}")
        now = f"{datetime.now(UTC):%H:%M:%S.%f}"
        sent = SentRequest(now, request.method, request.url.path, request_id)
        request.extensions["sent"] = sent
        self.requests.append(sent)

    def _answered(self, response: httpx.Response) -> None:
        sent: SentRequest = response.request.extensions["sent"]
        sent.status = response.status_code
