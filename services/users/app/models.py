"""The tables of the users service. Rules that a database can enforce are constraints, too."""

from datetime import datetime
from typing import Literal

from sqlalchemy import JSON, CheckConstraint, Double, ForeignKey, Identity, String, Text, false
from sqlmodel import Field, SQLModel

import chassis.events.outbox.models  # noqa: F401 - its tables are in this database, too
from chassis.auth.tokens import Role
from chassis.db.columns import NAME_LENGTH, NAMING_CONVENTION, UtcDateTime, big_id, utc_now

SQLModel.metadata.naming_convention = NAMING_CONVENTION
metadata = SQLModel.metadata

MailKind = Literal["verify_email", "email_changed", "reset_password", "password_changed"]


class User(SQLModel, table=True):
    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint(NAME_LENGTH, name="name_length"),
        CheckConstraint("length(email) BETWEEN 3 AND 254", name="email_length"),
        CheckConstraint("role IN ('user', 'admin')", name="role"),
        CheckConstraint("version >= 1", name="version"),
        # Without it SQLite would give a deleted user's id, and so their tokens, to the next new user.
        {"sqlite_autoincrement": True},
    )

    id: int = Field(default=None, primary_key=True, sa_type=big_id(), sa_column_args=(Identity(),))
    email: str = Field(sa_type=String(254))
    email_verified: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether the holder has used a token that was sent to the address."""
    email_key: str = Field(default="", sa_type=Text, unique=True)
    """The e-mail address without differences in spelling (`chassis.web.fields.email_key`): it is unique."""
    name: str = Field(sa_type=String(120))
    search_text: str = Field(default="", sa_type=Text)
    """Name and e-mail address, folded. On PostgreSQL it has a trigram index (see the migration)."""
    password_hash: str = Field(sa_type=Text)
    role: Role = Field(default="user", sa_type=String(16))
    is_active: bool = True
    version: int = 1
    """Grows with every change of name, e-mail address, role or state; each writes an event."""
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class RefreshFamily(SQLModel, table=True):
    """A session: one sign-in, and all refresh tokens that descend from it."""

    __tablename__ = "refresh_families"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int = Field(default=None, primary_key=True, sa_type=big_id(), sa_column_args=(Identity(),))
    user_id: int = Field(
        sa_type=big_id(),
        sa_column_args=(ForeignKey("users.id", ondelete="CASCADE"),),
        index=True,
    )
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it last got new tokens. Null: only when it was created."""
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    """Each use moves it, up to the end of the longest session."""
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    user_agent: str | None = Field(default=None, sa_type=String(255))
    """What the client called itself when it signed in."""


class RefreshToken(SQLModel, table=True):
    """Only a hash of the token is stored, so a stolen database contains no usable token."""

    __tablename__ = "refresh_tokens"

    token_hash: str = Field(primary_key=True, sa_type=String(64))
    family_id: int = Field(
        sa_type=big_id(),
        sa_column_args=(ForeignKey("refresh_families.id", ondelete="CASCADE"),),
        index=True,
    )
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SigningKey(SQLModel, table=True):
    __tablename__ = "signing_keys"

    key_id: str = Field(primary_key=True, sa_type=String(64))
    private_pem: str = Field(sa_type=Text)
    """PKCS 8, encrypted with the setting `signing_key_passphrase` where there is one."""
    activates_at: datetime = Field(sa_type=UtcDateTime)
    """It is published earlier, so that verifiers know it when the first token arrives."""
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it stops being published. Null: it has no successor yet."""


class ServiceClient(SQLModel, table=True):
    """Another service that may ask for tokens in its own name."""

    __tablename__ = "service_clients"

    client_id: str = Field(primary_key=True, sa_type=String(64))
    secret_hash: str = Field(sa_type=String(64))
    audiences: list[str] = Field(sa_type=JSON(none_as_null=True))
    """The services that it may call."""
    scopes: list[str] = Field(sa_type=JSON(none_as_null=True))
    """What it may do there."""
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Throttle(SQLModel, table=True):
    """When the next attempt of an address, or on an account, is on schedule (`app.repositories.throttles`)."""

    __tablename__ = "throttles"

    key: str = Field(primary_key=True, sa_type=String(64))
    """A hash, so that the table doesn't list addresses and e-mail addresses."""
    tat: float = Field(sa_type=Double)
    """The theoretical arrival time of GCRA, in seconds since 1970."""


class KnownAddress(SQLModel, table=True):
    """An address from which somebody has signed in to an account."""

    __tablename__ = "known_addresses"

    key: str = Field(primary_key=True, sa_type=String(64))
    """A hash, as in `throttles`."""
    signed_in_at: datetime = Field(sa_type=UtcDateTime)


class QueuedMail(SQLModel, table=True):
    """A mail to send. Its token is made when it is sent, so none is stored."""

    __tablename__ = "queued_mails"
    __table_args__ = (
        CheckConstraint("failures >= 0", name="failures"),
        {"sqlite_autoincrement": True},
    )

    id: int = Field(default=None, primary_key=True, sa_type=big_id(), sa_column_args=(Identity(),))
    kind: MailKind = Field(sa_type=String(32))
    recipient: str = Field(sa_type=String(254))
    user_id: int | None = Field(
        default=None,
        sa_type=big_id(),
        sa_column_args=(ForeignKey("users.id", ondelete="CASCADE"),),
        index=True,
    )
    """Null: it isn't known yet whether there is an account with this address."""
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    due_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    """When it may be sent: at once, after a backoff, or when another process has given up."""
    failures: int = 0
    request_id: str | None = Field(default=None, sa_type=String(128))


class MailToken(SQLModel, table=True):
    """A token that was sent by mail. It is deleted when it is used."""

    __tablename__ = "mail_tokens"

    token_hash: str = Field(primary_key=True, sa_type=String(64))
    kind: MailKind = Field(sa_type=String(32))
    user_id: int = Field(
        sa_type=big_id(),
        sa_column_args=(ForeignKey("users.id", ondelete="CASCADE"),),
        index=True,
    )
    email: str = Field(sa_type=String(254))
    """The address that it was sent to."""
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
