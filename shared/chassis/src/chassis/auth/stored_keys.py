"""The issuer's last good key set in the service's own database. Importing this module adds its table."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Text, select
from sqlmodel import Field, SQLModel, col

from chassis.db.columns import NAMING_CONVENTION, UtcDateTime, utc_now
from chassis.db.database import Database

SQLModel.metadata.naming_convention = NAMING_CONVENTION


class PublishedKeys(SQLModel, table=True):
    """One row: to verify tokens while the issuer is unavailable."""

    __tablename__ = "published_keys"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    document: str = Field(sa_type=Text)
    fetched_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


_DOCUMENT = select(col(PublishedKeys.document))


class DatabaseKeyStore:
    """A `chassis.auth.remote_keys.KeyStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> str | None:
        return await self._database.read_session().scalar(_DOCUMENT)

    async def save(self, document: str) -> None:
        async with self._database.transaction() as session:
            await session.merge(PublishedKeys(document=document))
