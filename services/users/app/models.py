"""The users database. Rules that a database can hold are held here too, by constraints."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, String, Text
from sqlmodel import Field, SQLModel

from chassis.columns import NAME_LENGTH, NAMING_CONVENTION, UtcDateTime, big_id, utc_now

SQLModel.metadata.naming_convention = NAMING_CONVENTION
metadata = SQLModel.metadata


class User(SQLModel, table=True):
    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint(NAME_LENGTH, name="name_length"),
        CheckConstraint("length(email) BETWEEN 3 AND 254", name="email_length"),
        CheckConstraint("role IN ('user', 'admin')", name="role"),
        CheckConstraint("version >= 1", name="version"),
        # Without it SQLite gives a deleted user's id, and so their tokens, to the next newcomer.
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(
        default=None, primary_key=True, sa_type=big_id(), sa_column_args=(Identity(),)
    )
    email: str = Field(sa_type=String(254))
    email_key: str = Field(sa_type=Text, unique=True)
    """The e-mail address folded: what makes it unique whatever its case."""
    name: str = Field(sa_type=String(120))
    search_text: str = Field(sa_type=Text)
    """Name and e-mail address, folded. On PostgreSQL it has a trigram index (see the migration)."""
    password_hash: str = Field(sa_type=Text)
    role: str = Field(default="user", sa_type=String(16))
    is_active: bool = True
    version: int = 1
    """Grows with every change of the account."""
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class RefreshFamily(SQLModel, table=True):
    """One login: all refresh tokens that descend from it."""

    __tablename__ = "refresh_families"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = Field(
        default=None, primary_key=True, sa_type=big_id(), sa_column_args=(Identity(),)
    )
    user_id: int = Field(
        sa_type=big_id(),
        sa_column_args=(ForeignKey("users.id", ondelete="CASCADE"),),
        index=True,
    )
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RefreshToken(SQLModel, table=True):
    """Only the hash is kept: a stolen database holds no token that could be used."""

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
    """It is published before, so that verifiers know it when the first token comes."""
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it stops being published. Null: it has no successor yet."""


class ServiceClient(SQLModel, table=True):
    """Another service that may ask for tokens in its own name."""

    __tablename__ = "service_clients"

    client_id: str = Field(primary_key=True, sa_type=String(64))
    secret_hash: str = Field(sa_type=String(64))
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
