"""The users service's settings: environment variables with the prefix `USERS_`."""

import re
from typing import Annotated, Self

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from chassis.events.outbox.settings import PublisherSettings

# The minimum of OWASP's Password Storage Cheat Sheet for Argon2id.
_SAFE_MEMORY_KIB = 19 * 1024
_SAFE_TIME_COST = 2


SERVICE_NAME = "users"
"""The issuer that access tokens name unless `public_url` is set, and the subject of deliveries."""
AUDIENCE = "users"
"""The audience of this service's public routes."""


class UsersSettings(PublisherSettings):
    model_config = SettingsConfigDict(env_prefix="USERS_", populate_by_name=True)

    port: int = Field(8001, ge=1, le=65535, description="Port to listen on (1 to 65535).")
    max_body_bytes: int = Field(
        16_384, ge=1, description="Larger request bodies are refused (at least 1)."
    )
    signing_key_passphrase: SecretStr | None = Field(
        None,
        min_length=16,
        description="Encrypts the private signing keys (at least 16 characters). Required outside development.",
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^/?#\s]+$",
        description="Where clients reach this service, such as `https://api.example.com`. If set, it is the issuer of "
        "access tokens, and `/.well-known/oauth-authorization-server` describes the service.",
    )
    token_audiences: Annotated[tuple[str, ...], NoDecode] = Field(
        description="Comma-separated names of the services that accept the tokens of users; `users` itself is one. "
        "In development `users` alone by default."
    )
    access_token_seconds: int = Field(
        900, ge=1, le=900, description="How long an access token is valid (1 to 900)."
    )
    refresh_token_days: int = Field(
        30, ge=1, description="A session ends so many days after the sign-in (at least 1)."
    )
    session_idle_days: int = Field(
        14, ge=1, description="A session ends after so many days without a refresh (at least 1)."
    )
    max_sessions: int = Field(
        20,
        ge=1,
        description="Sessions of one account; a sign-in ends the one that was used longest ago (at least 1).",
    )
    background: bool = Field(
        True,
        description="Whether this process sends mails, and deletes what `prune` deletes, every hour.",
    )
    jwks_max_age_seconds: int = Field(
        300, ge=0, description="How long verifiers may cache the published keys (at least 0)."
    )
    password_memory_kib: int = Field(
        65536, ge=8, description="Argon2id: memory per hash (at least 8)."
    )
    password_time_cost: int = Field(
        3, ge=1, description="Argon2id: passes over the memory (at least 1)."
    )
    password_concurrency: int = Field(
        1,
        ge=1,
        description="Passwords hashed at the same time, each by a core of its own; others wait (at least 1).",
    )
    password_queue: int = Field(
        50, ge=0, description="Passwords that may wait to be hashed; more get a 503 (at least 0)."
    )
    attempts_per_address: int = Field(
        100,
        ge=0,
        description="How many passwords, client secrets and new accounts one address may send in "
        "`USERS_ATTEMPTS_SECONDS` (0: any number).",
    )
    attempts_per_account: int = Field(
        30,
        ge=0,
        description="The same for one account, from all addresses together that haven't signed in to it in the last "
        "30 days.",
    )
    attempts_per_account_and_address: int = Field(
        10,
        ge=0,
        description="The same for one account from one address; a right password resets it.",
    )
    attempts_seconds: int = Field(
        600, ge=1, description="The time that the numbers of attempts refer to (at least 1)."
    )
    mail_url: SecretStr | None = Field(
        None,
        description="The mail server: `smtps://user:password@host` is TLS, `smtp://` demands STARTTLS, `smtp+plain://` "
        "isn't encrypted. Without one, mails are printed in development, and wait for a day elsewhere.",
    )
    mail_sender: str = Field(
        "Users <users@localhost>", description="The sender of mails. Required with a mail server."
    )
    mail_links_url: Annotated[str, StringConstraints(pattern=r"^https?://\S+[^/\s]$")] = Field(
        "http://localhost:3000",
        description="Your front end. Mails link to its pages `/verify-email#token=...` and "
        "`/reset-password#token=...`. Required with a mail server.",
    )
    password_words: Annotated[tuple[str, ...], NoDecode] = Field(
        ("microservices", "administrator"),
        description="Comma-separated names of your organisation, products and roles. A password of one of them with "
        "digits and punctuation is refused.",
    )
    breached_passwords_url: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="A service that knows leaked passwords, such as `https://api.pwnedpasswords.com`. It gets five "
        "digits of the hash of a new password. Unset, or while it is unavailable, leaked passwords are accepted.",
    )
    breached_passwords_deadline_seconds: float = Field(
        1.0, gt=0, le=10, description="How long it may take (more than 0, at most 10)."
    )

    @classmethod
    def development_defaults(cls) -> dict[str, str]:
        return {"database_url": "sqlite:///data/users.db", "token_audiences": "users"}

    @property
    def issuer(self) -> str:
        """What access tokens name as their issuer. Verifiers are configured with it."""
        return self.public_url or SERVICE_NAME

    @field_validator("mail_url")
    @classmethod
    def _known_mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        pattern = r"(smtps|smtp|smtp\+plain)://([^:@/\s]+:[^@/\s]+@)?[^:@/\s]+(:\d{1,5})?"
        if value and not re.fullmatch(pattern, value.get_secret_value()):
            raise ValueError("must be a URL such as smtp://user:password@mail.example.com:587")
        return value

    @model_validator(mode="after")
    def _mails_are_complete(self) -> Self:
        needed = {"mail_sender", "mail_links_url"}
        if self.mail_url and not needed <= self.model_fields_set:
            raise ValueError(
                "USERS_MAIL_SENDER and USERS_MAIL_LINKS_URL are required with USERS_MAIL_URL"
            )
        return self

    @field_validator("token_audiences", "password_words", mode="before")
    @classmethod
    def _split_words(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("token_audiences")
    @classmethod
    def _includes_this_service(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if AUDIENCE not in value:
            raise ValueError(
                f"must include `{AUDIENCE}`, or this service would refuse its own tokens"
            )
        return value

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        if self.signing_key_passphrase is None:
            raise ValueError("USERS_SIGNING_KEY_PASSPHRASE is required outside development")
        if self.password_memory_kib < _SAFE_MEMORY_KIB or self.password_time_cost < _SAFE_TIME_COST:
            raise ValueError(
                f"USERS_PASSWORD_MEMORY_KIB must be at least {_SAFE_MEMORY_KIB} and "
                f"USERS_PASSWORD_TIME_COST at least {_SAFE_TIME_COST} outside development"
            )
