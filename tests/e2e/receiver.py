"""Subscribers that do as little as possible: they read an event, note its id and the time, and acknowledge it.

They check no token, and have no database.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from pydantic import AnyUrl, SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.events.cloudevents import from_http
from chassis.events.nats.connection import open_broker
from chassis.events.nats.consumer import NatsConsumer
from service_testing.nats_server import ADMIN


async def receive(headers: Mapping[str, str], body: bytes) -> None:
    """Print what a service logs when it has applied an event."""
    line = {"event": "event_received", "id": from_http(headers, body).id}
    print(json.dumps(line | {"timestamp": datetime.now(UTC).isoformat()}), flush=True)


async def respond(request: Request) -> Response:
    await receive(request.headers, await request.body())
    return Response(status_code=204)


async def consume(stream: str, consumer: str, url: str) -> None:
    async with open_broker(AnyUrl(url), SecretStr(ADMIN), stop_seconds=1) as broker:
        await NatsConsumer(broker, [stream], consumer, receive).begin()
        await asyncio.Event().wait()


def over_http(log: Path, port: int) -> None:
    """Answer `POST /events/`, as a process of its own."""
    app = Starlette(routes=[Route("/events/", respond, methods=["POST"])])
    with log.open("w") as output, redirect_stdout(output):
        uvicorn.run(app, port=port, log_level="critical", access_log=False)


def over_nats(log: Path, stream: str, url: str) -> None:
    """Consume the stream as the durable consumer with the log's name, as a process of its own."""
    with log.open("w") as output, redirect_stdout(output):
        asyncio.run(consume(stream, log.stem, url))
