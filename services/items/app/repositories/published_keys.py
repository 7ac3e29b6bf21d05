"""Queries of the users service's published keys."""

from sqlalchemy import select as select_columns
from sqlmodel import col

from app.models import PublishedKeys
from chassis.db.sessions import ReadSession, WriteSession

_DOCUMENT = select_columns(col(PublishedKeys.document))


class PublishedKeysQueries:
    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def document(self) -> str | None:
        """The stored JSON Web Key Set, or None when none was ever stored."""
        return await self._session.scalar(_DOCUMENT)


class PublishedKeysRepository:
    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def save(self, document: str) -> None:
        await self._session.merge(PublishedKeys(document=document))
