"""Delivers one event to a stream of JetStream, from which any number of subscribers read."""

import asyncio

from faststream.nats import NatsBroker
from nats.errors import Error, MaxPayloadError

from chassis.events.cloudevents import to_http
from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.transport import (
    Answer,
    Delivered,
    Failed,
    Refused,
    beginning,
    cloud_event,
    delivery,
)
from chassis.web.context import outgoing_headers


def stream_of(source: str) -> str:
    """The stream of a publisher's events, such as `users` for `/users`: its subjects are `users.<aggregate_id>`."""
    return source.strip("/")


class NatsTransport:
    """Publishes events, with a broker that the caller stops."""

    def __init__(self, broker: NatsBroker, *, source: str, deadline_seconds: float) -> None:
        self._broker = broker
        self._source = source
        self._stream = stream_of(source)
        self._deadline_seconds = deadline_seconds
        self._connecting = asyncio.Lock()

    async def deliver(self, event: OutboxEvent) -> Answer:
        """Delivered means that the stream has acknowledged the event.

        One that timed out may be stored all the same: within the stream's duplicate window, the next attempt with
        the same `Nats-Msg-Id` adds nothing.
        """
        with delivery(event, self._source) as noted:
            headers, body = to_http(cloud_event(event, self._source))
            headers |= {"Nats-Msg-Id": event.event_id, **outgoing_headers()}
            return noted(await self._publish(f"{self._stream}.{event.aggregate_id}", headers, body))

    async def _publish(self, subject: str, headers: dict[str, str], body: bytes) -> Answer:
        seconds = self._deadline_seconds
        try:
            async with asyncio.timeout(seconds):
                async with self._connecting:  # it would open a connection for each of them
                    await self._broker.connect()
                await self._broker.publish(
                    body, subject, headers=headers, stream=self._stream, timeout=seconds
                )
        except MaxPayloadError as error:
            return Refused("too large", beginning(str(error)))
        except TimeoutError:
            return Failed("no acknowledgement in time", is_late=True)
        except (Error, OSError) as error:
            return Failed(type(error).__name__, beginning(str(error)))
        return Delivered()
