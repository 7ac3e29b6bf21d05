"""The settings of a service that publishes events."""

from typing import Annotated

from pydantic import (
    AnyUrl,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    UrlConstraints,
    field_validator,
)
from pydantic_settings import NoDecode

from chassis.events.outbox.models import MAX_NAME_LENGTH
from chassis.ops.settings import DatabaseSettings


class Subscriber(BaseModel):
    """A service that gets every event."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=MAX_NAME_LENGTH)
    url: Annotated[
        AnyUrl, UrlConstraints(allowed_schemes=["http", "https", "nats", "tls"], host_required=True)
    ]

    @property
    def is_broker(self) -> bool:
        """It is a server of NATS, from which any number of services read."""
        return self.url.scheme in {"nats", "tls"}

    @property
    def audience(self) -> str:
        """The audience of the token that deliveries carry."""
        return f"{self.name}-events"


class PublisherSettings(DatabaseSettings):
    """Add these to a service's own settings by subclassing."""

    events_subscribers: Annotated[tuple[Subscriber, ...], NoDecode] = Field(
        (),
        description="Comma-separated `name=url` of the services that get every event, or of a broker: "
        "`broker=nats://user@host:4222`. Without any, events are stored until there is one.",
    )
    nats_password: SecretStr | None = Field(
        None, description="The password of the user in a `nats://` URL."
    )
    events_relay: bool = Field(
        True,
        description="Whether `serve` delivers events. `relay` delivers them in a process of its own.",
    )
    events_concurrency: int = Field(
        16, ge=1, le=1000, description="Deliveries at the same time to each subscriber (1 to 1000)."
    )
    events_deadline_seconds: float = Field(
        5.0, gt=0, le=60, description="How long a delivery may take (more than 0, at most 60)."
    )
    events_max_backoff_seconds: float = Field(
        30.0,
        gt=0,
        le=3600,
        description="The longest pause between two attempts to deliver (more than 0, at most 3600).",
    )
    events_keep_days: int = Field(
        7,
        ge=0,
        le=36_500,
        description="How long events that every subscriber has received are stored (0 to 36500).",
    )

    @property
    def subscriber_names(self) -> list[str]:
        return [subscriber.name for subscriber in self.events_subscribers]

    @field_validator("events_subscribers", mode="before")
    @classmethod
    def _parse_subscribers(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        parts = [part.strip().partition("=") for part in value.split(",") if part.strip()]
        return tuple({"name": name.strip(), "url": url.strip()} for name, _, url in parts)

    @field_validator("events_subscribers")
    @classmethod
    def _names_are_unique(cls, value: tuple[Subscriber, ...]) -> tuple[Subscriber, ...]:
        if len({each.name for each in value}) < len(value):
            raise ValueError("must name each subscriber once")
        return value

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        self.require_https(
            "events_subscribers", *(str(each.url) for each in self.events_subscribers)
        )
