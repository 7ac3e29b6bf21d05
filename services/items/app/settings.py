"""The items service's settings: environment variables with the prefix `ITEMS_`."""

from pydantic import Field, HttpUrl, SecretStr, TypeAdapter, ValidationError, field_validator
from pydantic_settings import SettingsConfigDict

from chassis.events.consuming import ConsumerSettings
from chassis.http.circuit_breaker import BreakerPolicy
from chassis.http.guarded_calls import CallPolicy


class ItemsSettings(ConsumerSettings):
    model_config = SettingsConfigDict(env_prefix="ITEMS_")

    port: int = Field(8002, ge=1, le=65535, description="Port to listen on (1 to 65535).")
    token_issuer: str = Field("users", description="The issuer that every token must name.")
    token_audience: str = Field("items", description="The audience that an access token must name.")
    events_token_audience: str = Field(
        "items-events", description="The only audience of a token that may deliver events."
    )
    users_url: str = Field(description="Where this service reaches the users service.")
    users_public_url: str | None = Field(
        None,
        description="Where a browser reaches users, for the docs page; else `ITEMS_USERS_URL`.",
    )
    users_deadline_seconds: float = Field(
        2.0, gt=0, description="How long a call to users may take, retries included (more than 0)."
    )
    users_attempts: int = Field(
        3, ge=1, le=10, description="How many times a failing call to users is tried (1 to 10)."
    )
    users_retry_share: float = Field(
        0.2, ge=0, le=1, description="The share of calls to users that may be retries (0 to 1)."
    )
    users_max_concurrent: int = Field(
        20, ge=1, description="Concurrent calls to users; more fail immediately (at least 1)."
    )
    users_breaker_failures: int = Field(
        5,
        ge=1,
        le=20,
        description="The circuit opens after this many failures among the last 20 calls, if they are at least half.",
    )
    users_breaker_seconds: float = Field(
        5.0, gt=0, le=300, description="How long the circuit stays open (more than 0, at most 300)."
    )
    users_client_id: str | None = Field(
        None, description="This service's client id at users, for `resync`."
    )
    users_client_secret: SecretStr | None = Field(
        None, description="The secret that `create-client` of users printed, for `resync`."
    )
    background: bool = Field(
        True, description="Whether this process deletes the items of deleted owners and old events."
    )
    events_keep_days: int = Field(
        30, ge=1, le=36_500, description="How many days a received event is kept (1 to 36500)."
    )

    @property
    def users_calls(self) -> CallPolicy:
        return CallPolicy(
            deadline_seconds=self.users_deadline_seconds,
            attempts=self.users_attempts,
            retry_share=self.users_retry_share,
            max_concurrent=self.users_max_concurrent,
            breaker=BreakerPolicy(
                failures=self.users_breaker_failures, open_seconds=self.users_breaker_seconds
            ),
        )

    @property
    def directory_calls(self) -> CallPolicy:
        """The policy of a resync, which no request waits for."""
        return CallPolicy(deadline_seconds=30.0, attempts=10)

    @field_validator("users_url", "users_public_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            url = TypeAdapter(HttpUrl).validate_python(value)
        except ValidationError:  # its text has several lines, and the value in one of them
            raise ValueError("must be a URL such as http://users:8001") from None
        return str(url).rstrip("/")

    @classmethod
    def development_defaults(cls) -> dict[str, str]:
        return {"database_url": "sqlite:///data/items.db", "users_url": "http://127.0.0.1:8001"}

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        self.require_https("users_url", self.users_url)
