"""Creates the stream of a publisher and the consumers of subscribers, with the rights of an administrator."""

import asyncio
from collections.abc import Awaitable, Callable

import nats
from nats.errors import Error, NoServersError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, StreamConfig
from nats.js.errors import NotFoundError

from chassis.ops.cli import fail

ACK_WAIT_SECONDS = 30.0
"""An event that wasn't acknowledged is delivered again after this time."""
_MAX_ACK_PENDING = 100
_CONNECT_SECONDS, _ATTEMPTS = 5, 10


async def create_stream(
    jetstream: JetStreamContext,
    stream: str,
    *,
    max_age_seconds: float,
    max_bytes: int,
    longest_backoff_seconds: float,
) -> None:
    """Create the stream, or change its limits. A full stream refuses events, so that none vanishes."""
    config = StreamConfig(
        name=stream,
        subjects=[f"{stream}.>"],
        discard=DiscardPolicy.NEW,
        max_age=max_age_seconds,
        max_bytes=max_bytes,
        # An event that was stored although its publisher doesn't know is sent again within this time.
        duplicate_window=2 * longest_backoff_seconds,
    )
    try:
        await jetstream.stream_info(stream)
    except NotFoundError:
        await jetstream.add_stream(config)
    else:
        await jetstream.update_stream(config)


async def create_consumer(jetstream: JetStreamContext, stream: str, consumer: str) -> None:
    """Create the durable consumer, which begins with the oldest event, or change it."""
    config = ConsumerConfig(
        durable_name=consumer,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT_SECONDS,
        max_ack_pending=_MAX_ACK_PENDING,
        filter_subject=f"{stream}.>",
    )
    await jetstream.add_consumer(stream, config)


def administer(url: str, action: Callable[[JetStreamContext], Awaitable[None]]) -> None:
    """Run the action with a connection. A server that refuses ends the command with one sentence."""

    async def main() -> None:
        client = await nats.connect(
            url,
            connect_timeout=_CONNECT_SECONDS,
            max_reconnect_attempts=_ATTEMPTS,  # it may be starting, too
            reconnect_time_wait=1,
            error_cb=_ignore,
        )
        try:
            await action(client.jetstream(timeout=_CONNECT_SECONDS))
        finally:
            await client.close()

    try:
        asyncio.run(main())
    except NotFoundError as error:
        fail(f"NATS has no such stream ({error.description}): create it first.")
    except (Error, NoServersError, OSError, TimeoutError) as error:
        fail(f"NATS can't be used: {type(error).__name__}: {error}")


async def _ignore(_: Exception) -> None:
    """The exception is raised, too."""
