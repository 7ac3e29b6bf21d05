"""What reaches the middleware in addition to complete HTTP requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send
from structlog.types import EventDict
from tests.example.app import UNUSED, client_of, unused_settings
from tests.example.asgi import Connection, http_scope, never

from chassis.db.database import Database
from chassis.ops.health import Lifecycle
from chassis.ops.metrics import HttpMetrics
from chassis.web.application import build_app
from chassis.web.context import current_context
from chassis.web.media_types import StrictRoute
from chassis.web.middleware import RequestMiddleware
from chassis.web.state import DatabaseState, ServiceState


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_other_protocols_pass_unchanged(kind: str) -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send, current_context.get()))

    options: Any = {"metrics": HttpMetrics(), "max_body_bytes": 1, "lifecycle": Lifecycle()}
    scope, connection = {"type": kind}, Connection()
    receive, send = connection.receive, connection.send
    await RequestMiddleware(app, **options)(scope, receive, send)
    assert seen == [(scope, receive, send, None)]


async def test_lifespan_yields_the_state() -> None:
    steps: list[str] = []
    settings = unused_settings()
    service = DatabaseState(settings=settings, database=Database(UNUSED))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[ServiceState]:
        steps.append("start")
        yield service
        steps.append("stop")

    texts: dict[str, Any] = {"name": "notes", "title": "Notes", "description": ""}
    app = build_app(**texts, settings=settings, routers=[], lifespan=lifespan)
    connection = Connection({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    state: dict[str, object] = {}
    await app({"type": "lifespan", "state": state}, connection.receive, connection.send)
    sent = [message["type"] for message in connection.sent]
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert steps == ["start", "stop"]
    assert state == {"service": service}


router = APIRouter(route_class=StrictRoute)
WAITING = asyncio.Event()


@router.get("/slow")
async def wait() -> None:
    WAITING.set()
    await never()


@router.post("/notes/")
async def create_note(body: dict[str, str]) -> None: ...


@router.post("/raw/")
async def create_raw(request: Request) -> None:
    await request.body()


@router.get("/endless")
async def stream() -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        while True:
            yield b"more"

    return StreamingResponse(chunks())


CLIENT = client_of(router)


async def test_cancelled_request_is_logged(logs: list[EventDict]) -> None:
    connection = Connection({"type": "http.request", "body": b"", "more_body": False})
    WAITING.clear()
    app = CLIENT.transport.app
    answer = app(http_scope("GET", "/slow"), connection.receive, connection.send)
    task = asyncio.ensure_future(answer)
    await WAITING.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not connection.sent
    assert [(line["event"], line["status"]) for line in logs] == [("request", 499)]
    assert (await CLIENT.get("/health/live")).status_code == 200


@pytest.mark.parametrize("path", ["/notes/", "/raw/"])
@pytest.mark.parametrize("media_type", ["application/json", "text/plain"])
async def test_client_that_leaves_during_its_request_is_no_error(
    logs: list[EventDict], path: str, media_type: str
) -> None:
    connection = Connection(
        {"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}
    )
    scope = http_scope("POST", path, content_type=media_type)
    await CLIENT.transport.app(scope, connection.receive, connection.send)
    assert [line["event"] for line in logs] == ["request"]


async def test_client_that_leaves_during_the_response_is_no_error(logs: list[EventDict]) -> None:
    class Gone(Connection):
        async def send(self, message: Message) -> None:
            await super().send(message)
            if len(self.sent) > 3:
                raise OSError("the client is gone")

    connection = Gone()
    scope = http_scope("GET", "/endless")
    await CLIENT.transport.app(scope, connection.receive, connection.send)
    assert [(line["event"], line["status"]) for line in logs] == [("request", 200)]
