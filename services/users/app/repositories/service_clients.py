"""Registered services in the database."""

from typing import NamedTuple

from sqlalchemy import bindparam
from sqlmodel import col, select

from app.models import ServiceClient
from chassis.db.sessions import ReadSession, WriteSession


class RegisteredClient(NamedTuple):
    """A service that may ask for tokens, and what it may ask for."""

    client_id: str
    secret_hash: str
    audiences: list[str]
    scopes: list[str]


_CLIENT_BY_ID = select(
    col(ServiceClient.client_id),
    col(ServiceClient.secret_hash),
    col(ServiceClient.audiences),
    col(ServiceClient.scopes),
).where(col(ServiceClient.client_id) == bindparam("client_id"))


class ServiceClientQueries:
    """Reads registered services."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def get(self, client_id: str) -> RegisteredClient | None:
        row = await self._session.one_or_none(_CLIENT_BY_ID, {"client_id": client_id})
        return RegisteredClient(*row) if row else None


class ServiceClientRepository:
    """Writes registered services."""

    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def save(self, client: ServiceClient) -> None:
        """Store a client, or replace the one with its id."""
        await self._session.merge(client)
        await self._session.flush()
