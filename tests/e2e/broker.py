"""The streams and consumers of the stack's NATS server, and faults of them. All of it runs in the services."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import workspace
from tests.e2e.stack import Stack

DUPLICATE = '"result": "duplicate"'
"""In the log line of an event that was received before."""
_SUBSCRIBER = "broker"
"""The name of the server in `..._EVENTS_SUBSCRIBERS`."""
_AS_ADMINISTRATOR = """
import asyncio, nats
from chassis.events.nats import administration
async def main():
    client = await nats.connect({url!r})
    jetstream = client.jetstream()
    {statement}
    await client.close()
asyncio.run(main())
"""
_SHORTEN = (
    "administration.ACK_WAIT_SECONDS = 0.01;"
    "await administration.create_consumer(jetstream, {stream!r}, {consumer!r})"
)


def publishers() -> list[str]:
    """The services that others subscribe to."""
    return sorted({name for each in workspace.services() for name in each.subscribes})


class Broker:
    """Each fault is undone at the end of its block, by the commands of docs/events.md."""

    def __init__(self, stack: Stack, admin_url: str) -> None:
        """`admin_url` is what the services call."""
        self._stack = stack
        self._url = admin_url

    def create(self) -> None:
        """Create the stream of each publisher, and the consumers of those that subscribe to it."""
        for name in publishers():
            self._command(name, "outbox", "create-stream")
        self._create_consumers()

    @asynccontextmanager
    async def stream_deleted(self) -> AsyncIterator[None]:
        """With the events that nobody has received yet. At the end the outbox has everything delivered again."""
        await self._for_each_consumer("await jetstream.delete_stream({stream!r})")
        try:
            yield
        finally:
            await asyncio.to_thread(self.create)
            for name in publishers():
                await asyncio.to_thread(self._command, name, "outbox", "redeliver", _SUBSCRIBER)

    @asynccontextmanager
    async def consumer_deleted(self) -> AsyncIterator[None]:
        """With its position: at the end everything in the stream is delivered again."""
        await self._for_each_consumer("await jetstream.delete_consumer({stream!r}, {consumer!r})")
        try:
            yield
        finally:
            await asyncio.to_thread(self._create_consumers)

    @asynccontextmanager
    async def redelivering(self) -> AsyncIterator[None]:
        """No acknowledgement is in time: events are delivered again while a replica applies them."""
        await self._for_each_consumer(_SHORTEN)
        try:
            yield
        finally:
            await asyncio.to_thread(self._create_consumers)

    def _create_consumers(self) -> None:
        for each in workspace.services():
            if each.subscribes:
                self._command(each.name, "create-consumer")

    def _command(self, name: str, *arguments: str) -> None:
        getattr(self._stack, name).command(*arguments, NATS_ADMIN_URL=self._url)

    async def _for_each_consumer(self, statement: str) -> None:
        for service in workspace.services():
            for stream in service.subscribes:
                code = statement.format(stream=stream, consumer=service.name)
                run: Callable[[str], str] = getattr(self._stack, service.name).python
                code = _AS_ADMINISTRATOR.format(url=self._url, statement=code)
                await asyncio.to_thread(run, code)
