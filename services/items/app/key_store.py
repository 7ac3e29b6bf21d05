"""Keeps the users service's last good keys in this service's database."""

from sqlalchemy import select
from sqlmodel import col

from app.models import PublishedKeys
from chassis.db.database import Database


class DatabaseKeyStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> str | None:
        async with self._database.orm_read_session() as session:
            document: str | None = await session.scalar(select(col(PublishedKeys.document)))
        return document

    async def save(self, document: str) -> None:
        async with self._database.transaction() as session:
            await session.merge(PublishedKeys(document=document))
