"""Runs the lifespan of an app as a server does, in a task of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from chassis.web.state import ServiceState
from service_testing.client import AppClient, app_transport


class LifespanFailed(Exception):
    """The app refused to start or to stop."""


class Lifespan:
    """An app between its start and its stop (ASGI lifespan protocol, version 2.0)."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._state: dict[str, Any] = {}
        self._events: asyncio.Queue[Message] = asyncio.Queue()
        self._answers: asyncio.Queue[Message] = asyncio.Queue()

    async def start(self) -> None:
        """Raises `LifespanFailed`, or what the app's lifespan raised."""
        # A lifespan that cancels its own task would otherwise cancel the tests.
        self._task = asyncio.create_task(self._run())
        await self._exchange("startup")

    async def stop(self) -> None:
        """Raises as `start` does."""
        await self._exchange("shutdown")
        await self._task

    @property
    def state(self) -> ServiceState:
        """What the app's lifespan has yielded."""
        state: ServiceState = self._state["service"]
        return state

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The app with the state that the lifespan has yielded."""
        await self.app({**scope, "state": dict(self._state)}, receive, send)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self._state}
        await self.app(scope, self._events.get, self._answers.put)

    async def _exchange(self, event: str) -> None:
        await self._events.put({"type": f"lifespan.{event}"})
        answer = asyncio.create_task(self._answers.get())
        await asyncio.wait((answer, self._task), return_when=asyncio.FIRST_COMPLETED)
        if answer.done() and answer.result()["type"] == f"lifespan.{event}.complete":
            return
        answer.cancel()
        await self._task  # raises the app's own error, which is more precise
        raise LifespanFailed(f"The app's {event} ended without an answer.")


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[AppClient]:
    """Start an app for the block. Yields a client that sends no token.

    Raises:
        LifespanFailed: the app refuses to start or to stop. Or the error of its lifespan.
    """
    lifespan = Lifespan(app)
    await lifespan.start()
    try:
        yield AppClient(app_transport(lifespan.serve))
    finally:
        await lifespan.stop()
