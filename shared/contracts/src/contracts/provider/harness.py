"""Serves the real app on a socket for Pact's verifier, and records requests and responses."""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from contracts.pacts import Contracts
from contracts.provider.states import Message, ProviderStates, problems_of

MESSAGE_PATH = "/_contract/message"


@dataclass
class Exchange:
    """One replay of an interaction."""

    secrets: Mapping[str, str] = field(default_factory=dict)
    """See `states.Secrets`."""
    message: Message | None = None
    requests: list[str] = field(default_factory=list)
    """Method and path of each request that arrived."""
    status: int = 0
    answer: bytes = b""
    failure: BaseException | None = None
    """An exception that left the app instead of becoming a 500, or that a handler raised before."""


class Harness:
    """Wraps the provider's ASGI app: replaces credentials, records, and serves messages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.exchange = Exchange()
        self.port = 0
        self.late: dict[str, str] = {}
        """See `preparation.Preparation`; shared by all tests that use the harness."""
        self._problems: dict[type[ProviderStates], str] = {}

    def problems(self, states: type[ProviderStates], contracts: Contracts, provider: str) -> str:
        """What `check_states` finds; it looks once."""
        if states not in self._problems:
            self._problems[states] = "\n".join(problems_of(states, contracts, provider))
        return self._problems[states]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = self.exchange
        exchange.requests.append(f"{scope['method']} {scope['path']}")
        if scope["path"] == MESSAGE_PATH:
            message = exchange.message or Message(b"", "text/plain")
            await _respond(send, 200, message.contents, message.content_type)
            return

        async def recording(message: ASGIMessage) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
            exchange.answer += message.get("body", b"")
            await send(message)

        scope["headers"] = [
            (name, self._real_credentials(value) if name == b"authorization" else value)
            for name, value in scope["headers"]
        ]
        try:
            await self._app(scope, receive, recording)
        except Exception as error:  # noqa: BLE001 - the test shows it; the verifier would only see a lost connection
            exchange.failure = error
            if not exchange.status:
                await _respond(recording, 500, b"", "text/plain")

    def _real_credentials(self, authorization: bytes) -> bytes:
        value = authorization.decode("latin-1")
        return self.exchange.secrets.get(value, value).encode("latin-1")


async def _respond(send: Send, status: int, body: bytes, content_type: str) -> None:
    headers = [(b"content-type", content_type.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving_harness(app: ASGIApp) -> AsyncIterator[Harness]:
    """Serve in the tests' event loop, so that the app and the states share its resources."""
    harness = Harness(app)
    config = uvicorn.Config(
        harness, log_config=None, access_log=False, server_header=False, lifespan="off"
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        # Without it, a response in two parts waits 40 ms for an acknowledgement.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        harness.port = sock.getsockname()[1]
        # Not `serve`, which handles signals: they are left to pytest.
        await server.startup(sockets=[sock])
        try:
            yield harness
        finally:
            await server.shutdown(sockets=[sock])
