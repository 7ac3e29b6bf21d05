"""Receives events from a broker, in addition to `POST /events/`. Without `EVENTS_URL` nothing here does anything."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import Gauge
from pydantic import AnyUrl, Field, SecretStr, field_validator

from chassis.ops.health import Check
from chassis.ops.metrics import HttpMetrics
from chassis.ops.settings import DatabaseSettings
from chassis.web.state import DatabaseState, ServiceState

Receive = Callable[[Mapping[str, str], bytes], Awaitable[object]]
"""Applies the event with these headers and this body, and commits."""


class ConsumerSettings(DatabaseSettings):
    """Add these to a service's own settings by subclassing."""

    events_url: AnyUrl | None = Field(
        None,
        description="`nats://user@host:4222/stream`: receive this stream of NATS JetStream (or several: `/one,two`), "
        "as this user and durable consumer.",
    )
    nats_password: SecretStr | None = Field(
        None, description="The password of the user in a `nats://` URL."
    )

    @property
    def events_consumer(self) -> str:
        return (self.events_url and self.events_url.username) or ""

    @property
    def events_streams(self) -> list[str]:
        path = (self.events_url and self.events_url.path) or ""
        return [stream for stream in path.strip("/").split(",") if stream]

    @field_validator("events_url")
    @classmethod
    def _names_broker_consumer_and_streams(cls, value: AnyUrl | None) -> AnyUrl | None:
        streams = value and (value.path or "").strip("/,")
        if value and not (value.scheme in {"nats", "tls"} and value.username and streams):
            raise ValueError("must be such as nats://user@host:4222/stream")
        return value

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        self.require_https("events_url", str(self.events_url))


class Consumer(Protocol):
    @property
    def has_started(self) -> bool:
        """Whether it has begun to consume; later it reconnects by itself."""
        ...

    async def pending(self) -> int:
        """How many events this service hasn't acknowledged. Raises while it can't consume."""
        ...


@dataclass(frozen=True, kw_only=True)
class ConsumerState(DatabaseState):
    """What a service that consumes events has."""

    consumer: Consumer | None


@asynccontextmanager
async def consuming(settings: ConsumerSettings, receive: Receive) -> AsyncIterator[Consumer | None]:
    """Receive events in the block, if the settings name a broker. It may be unavailable at the start."""
    if settings.events_url is None:
        yield None
        return
    from chassis.events.nats.consumer import running  # noqa: PLC0415 - an extra

    async with running(settings, receive) as consumer:
        yield consumer


def consumer_checks(settings: ConsumerSettings, metrics: HttpMetrics) -> dict[str, Check]:
    """What `build_app` needs for readiness; the gauges are added to the metrics."""
    if settings.events_url is None:
        return {}
    connected = Gauge(
        "events_consumer_connected",
        "1 while the consumer of events can be reached, else 0.",
        registry=metrics.registry,
    )
    pending = Gauge(
        "events_consumer_pending",
        "Events that this service hasn't acknowledged.",
        registry=metrics.registry,
    )

    async def measure(state: ServiceState) -> None:
        connected.set(0)
        if (consumer := _consumer(state)) and consumer.has_started:
            pending.set(await consumer.pending())
            connected.set(1)

    metrics.measure_by(measure)
    return {"events": _events_check}


async def _events_check(state: ServiceState) -> str:
    """Not ready before it has begun to consume: a wrong password or a missing consumer ends a deployment.

    Afterwards a broker that is unavailable is an alarm, and no reason to refuse requests.
    """
    consumer = _consumer(state)
    return "ok" if consumer and consumer.has_started else "not_consuming"


def _consumer(state: ServiceState) -> Consumer | None:
    return state.consumer if isinstance(state, ConsumerState) else None
