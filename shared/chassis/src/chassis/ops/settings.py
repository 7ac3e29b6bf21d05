"""Settings that every service has, read from the environment when the app is built."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from chassis.db.database import Database, DatabaseLimits, parse_url

Environment = Literal["development", "production"]
_ENCRYPTED = {"http": "https", "nats": "tls"}
"""Schemes that encrypt nothing, and those that do."""


class SettingsError(Exception):
    """The environment doesn't describe a service that can be started. The message names what to fix."""


class ServiceSettings(BaseSettings):
    """Subclass it with `env_prefix` set. Outside development nothing unsafe has a default."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    environment: Environment = Field(
        "production",
        description="`development` allows defaults that are unsafe anywhere else.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on (1 to 65535).")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lines below this level aren't logged."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="`auto` is readable on a terminal and JSON elsewhere."
    )
    max_body_bytes: int = Field(
        1024 * 1024, ge=1, description="Larger request bodies are refused (at least 1)."
    )
    max_connections: int = Field(
        1000,
        ge=1,
        description="Open connections of clients; more end the one that has been silent for longest (at least 1).",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Comma-separated addresses or networks whose `X-Forwarded-*` headers are used.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Comma-separated origins whose pages may call this service."
    )
    trusted_network: bool = Field(
        False,
        description="Whether calls to other services may be unencrypted outside development, because nobody else can "
        "read them.",
    )
    docs: bool = Field(
        True,
        description="Whether `/docs` and `/openapi.json` are there; without them they are a 404.",
    )
    shutdown_seconds: int = Field(
        10,
        ge=1,
        description="How long running requests may take to finish when it ends (at least 1).",
    )
    drain_seconds: float = Field(
        5.0,
        ge=0,
        le=300,
        description="How long it serves after SIGTERM, not ready, before it ends (0 to 300; in development 0).",
    )

    @field_validator("trusted_proxies", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("cors_origins")
    @classmethod
    def _no_wildcard(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "*" in value:
            raise ValueError("must name origins; `*` would let any page call this service")
        return value

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: Any) -> Any:
        """A container platform passes a secret in a file: `NOTES_DATABASE_URL_FILE=/run/secrets/url`."""
        prefix = cls.model_config.get("env_prefix", "")
        for name, field in cls.model_fields.items():
            variable = f"{prefix}{name}_FILE".upper()
            is_secret = SecretStr in (field.annotation, *get_args(field.annotation))
            if is_secret and name not in values and (path := os.environ.get(variable)):
                values[name] = _content(variable, path)
        return values

    @model_validator(mode="before")
    @classmethod
    def _development_defaults(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("environment") == "development":
            return {"drain_seconds": 0.0, **cls.development_defaults(), **values}
        return values

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.environment == "production":
            self.refuse_unsafe()
        return self

    @classmethod
    def development_defaults(cls) -> dict[str, Any]:
        """Values of fields that are required elsewhere. A service extends the dictionary."""
        return {}

    def refuse_unsafe(self) -> None:
        """Called outside development.

        Raises:
            ValueError: when a value must not reach production.
        """

    def require_https(self, setting: str, *urls: str) -> None:
        """Called by `refuse_unsafe` for the URLs of other services: calls carry tokens and personal data.

        Raises:
            ValueError: when one isn't encrypted and the network isn't trusted.
        """
        schemes = {url.partition("://")[0] for url in urls} & _ENCRYPTED.keys()
        if schemes and not self.trusted_network:
            prefix = self.model_config.get("env_prefix", "")
            raise ValueError(
                f"{prefix}{setting.upper()} must be {_ENCRYPTED[min(schemes)]}://, or set {prefix}TRUSTED_NETWORK=true "
                "if nobody else can read what the services send each other"
            )


class DatabaseSettings(ServiceSettings):
    """The settings of a service that has a database."""

    database_url: SecretStr = Field(
        description="`sqlite:///path/to/file.db` or `postgresql://user:password@host/name`."
    )
    database_pool_size: int = Field(
        10,
        ge=1,
        description="Connections for writes, and as many for reads, per process (at least 1).",
    )
    database_pool_wait_seconds: float = Field(
        10.0,
        gt=0,
        allow_inf_nan=False,
        description="How long a request waits for a connection before it gets a 503 (more than 0).",
    )
    database_lock_timeout_seconds: float = Field(
        10.0,
        ge=0.001,
        le=3600,
        description="How long a statement waits for a lock before it fails (0.001 to 3600).",
    )
    database_statement_timeout_seconds: float = Field(
        30.0,
        ge=0.001,
        le=3600,
        description="How long a statement may take on PostgreSQL before it fails (0.001 to 3600).",
    )

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr) -> SecretStr:
        parse_url(value.get_secret_value())
        return value

    def open_database(self) -> Database:
        """The caller closes it."""
        limits = DatabaseLimits(
            connections=self.database_pool_size,
            wait_seconds=self.database_pool_wait_seconds,
            lock_timeout_seconds=self.database_lock_timeout_seconds,
            statement_timeout_seconds=self.database_statement_timeout_seconds,
        )
        return Database(self.database_url.get_secret_value(), limits=limits)


def _content(variable: str, path: str) -> str:
    try:
        # Editors and `echo` end a file with a line feed, which isn't part of the secret.
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{variable} names a file that can't be read ({type(error).__name__})"
        ) from None


SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
DatabaseSettingsT = TypeVar("DatabaseSettingsT", bound=DatabaseSettings)


def load_settings(settings_class: type[SettingsT]) -> SettingsT:
    """Read the environment.

    Raises:
        SettingsError: with one sentence that names each wrong variable and never its value.
    """
    try:
        return settings_class()
    except ValidationError as error:
        raise SettingsError(_sentence(settings_class, error)) from None


def _sentence(settings_class: type[ServiceSettings], error: ValidationError) -> str:
    prefix = settings_class.model_config.get("env_prefix", "")
    problems = []
    for problem in error.errors(include_input=False, include_url=False):
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "missing":
            message = f"is required (or set {prefix}ENVIRONMENT=development on your own machine)"
        if problem["loc"]:  # what `refuse_unsafe` raises has none and names its variables itself
            variable = prefix + str(problem["loc"][0]).upper()
            begins_with_an_acronym = message[:2].isupper()
            if not begins_with_an_acronym:
                message = message[:1].lower() + message[1:]
            message = f"{variable} {message}"
        problems.append(message)
    return "; ".join(problems) + "."
