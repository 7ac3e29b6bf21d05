"""Receives the events of streams through durable consumers, which all replicas of a service share."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError
from nats.js import JetStreamContext
from nats.js.errors import ServiceUnavailableError
from starlette.datastructures import Headers

from chassis.events.cloudevents import MalformedEvent
from chassis.events.consuming import ConsumerSettings, Receive
from chassis.events.nats.connection import inbox_prefix, open_broker
from chassis.http.backoff import full_jitter
from chassis.web.context import caused_by
from chassis.web.errors import UnsupportedMediaType

logger = structlog.get_logger(__name__)

_BATCH = 16
_FETCH_SECONDS = 1.0
_FIRST_DELAY_SECONDS, _MOST_DELAY_SECONDS = 0.5, 30.0


class NatsConsumer:
    """Made by `running`. An event is acknowledged after its commit, so it arrives at least once."""

    def __init__(
        self,
        broker: NatsBroker,
        streams: Sequence[str],
        consumer: str,
        receive: Receive,
        *,
        at_once: int = _BATCH,
    ) -> None:
        """At most `at_once` events are applied at the same time."""
        self.has_started = False
        self._receive = receive
        self._slots = asyncio.Semaphore(at_once)
        self._broker = broker
        self._subscribers = [
            broker.subscriber(
                f"{stream}.>",
                durable=consumer,
                # Both are made by an administrator's command: a service has no right to.
                stream=JStream(stream, declare=False),
                pull_sub=PullSub(batch_size=_BATCH, timeout=_FETCH_SECONDS),
                ack_policy=AckPolicy.MANUAL,
                inbox_prefix=f"{inbox_prefix(consumer)}.".encode(),
            )
            for stream in streams
        ]

        async def handle(message: NatsMessage) -> None:
            await self._handle(message)

        for subscriber in self._subscribers:
            subscriber(handle)

    async def begin(self) -> None:
        """Begin to consume, as soon as the server and the consumer are there."""
        failures = 0
        while not self.has_started:
            try:
                await self._broker.start()
                await self.pending()
            except Exception as error:  # noqa: BLE001 - whatever is missing, it may come
                failures += 1
                seconds = min(2.0**failures * _FIRST_DELAY_SECONDS, _MOST_DELAY_SECONDS)
                reason = f"{type(error).__name__}: {error}"
                logger.warning(
                    "events_consumer_not_started", reason=reason, again_in_seconds=seconds
                )
                await asyncio.sleep(seconds)
            else:
                for each in self._subscribers:
                    if each.subscription:
                        _pause_while_missing(each.subscription)
                self.has_started = True
                logger.info("events_consumer_started")

    async def pending(self) -> int:
        """How many events this service hasn't acknowledged.

        Raises:
            nats.errors.Error: the server doesn't answer, or has no such consumer.
        """
        total = 0
        for subscriber in self._subscribers:
            if subscriber.subscription is None:
                raise ConnectionClosedError
            info = await subscriber.subscription.consumer_info()
            total += (info.num_pending or 0) + (info.num_ack_pending or 0)
        return total

    async def _handle(self, message: NatsMessage) -> None:
        raw = message.raw_message
        headers = Headers(raw.headers or {})
        context = (headers.get("x-request-id"), headers.get("traceparent"))
        with caused_by(*context, span="receive event"):
            try:
                async with self._slots:
                    await self._receive(headers, raw.data)
            except (MalformedEvent, UnsupportedMediaType) as error:
                logger.exception(
                    "event_terminated", sequence=raw.metadata.sequence.stream, reason=error.detail
                )
                await message.reject()
            except Exception as error:  # noqa: BLE001 - of the database, or of another service
                attempt = raw.metadata.num_delivered
                delay_seconds = full_jitter(
                    attempt, first_seconds=_FIRST_DELAY_SECONDS, most_seconds=_MOST_DELAY_SECONDS
                )
                logger.warning(
                    "event_delayed",
                    sequence=raw.metadata.sequence.stream,
                    attempt=attempt,
                    reason=type(error).__name__,
                )
                await message.nack(delay=delay_seconds)
            else:
                await message.ack()


def _pause_while_missing(subscription: JetStreamContext.PullSubscription) -> None:
    """Let FastStream ask a consumer that is missing once a second. It asks again at once, with all of a processor."""
    fetch = subscription.fetch

    async def fetch_or_pause(batch: int, timeout: float) -> list[Msg]:  # noqa: ASYNC109 - FastStream's call
        try:
            return await fetch(batch, timeout)
        except ServiceUnavailableError:
            await asyncio.sleep(_FETCH_SECONDS)
            raise

    subscription.fetch = fetch_or_pause  # type: ignore[method-assign, assignment]


@asynccontextmanager
async def running(settings: ConsumerSettings, receive: Receive) -> AsyncIterator[NatsConsumer]:
    """Consume in the block. The server may be unavailable at its start."""
    if settings.events_url is None:
        raise ValueError("the settings name no broker")
    async with open_broker(
        settings.events_url, settings.nats_password, stop_seconds=settings.shutdown_seconds
    ) as broker:
        consumer = NatsConsumer(
            broker,
            settings.events_streams,
            settings.events_consumer,
            receive,
            at_once=max(1, settings.database_pool_size // 2),  # the rest is for requests
        )
        beginning = asyncio.create_task(consumer.begin())
        try:
            yield consumer
        finally:
            beginning.cancel()
            await asyncio.wait([beginning])
