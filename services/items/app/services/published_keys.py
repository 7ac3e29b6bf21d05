"""Stores the users service's last good keys in this service's database."""

from app.repositories.published_keys import PublishedKeysQueries, PublishedKeysRepository
from chassis.db.database import Database


class DatabaseKeyStore:
    """A `chassis.auth.remote_keys.KeyStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> str | None:
        return await PublishedKeysQueries(self._database.read_session()).document()

    async def save(self, document: str) -> None:
        async with self._database.transaction() as session:
            await PublishedKeysRepository(session).save(document)
