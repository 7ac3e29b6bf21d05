"""The client of the users service. Nothing of httpx leaves this module."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import httpx
from pydantic import BaseModel

from app.errors import UsersUnavailable
from app.settings import ItemsSettings
from chassis.http.client import service_client
from chassis.http.guarded_calls import CallPolicy
from chassis.http.provider import CallMetrics, Provider
from chassis.web.errors import InvalidToken
from chassis.web.fields import StoredName


class UserSummary(BaseModel):
    """The fields of `GET /users/{id}` that this service reads."""

    id: int
    name: StoredName
    is_active: bool


class Users(Protocol):
    """The calls to the users service that this service makes."""

    async def get_user(self, user_id: int, token: str) -> UserSummary | None:
        """The user, or None if there is no such user.

        Raises:
            InvalidToken: users rejects the token.
            UsersUnavailable: no usable answer before the deadline.
        """
        ...

    async def fetch_keys(self) -> str:
        """The published keys, as a JSON Web Key Set.

        Raises:
            UsersUnavailable: as above.
        """
        ...


class UsersClient:
    """`Users` over HTTP. Each call has its own circuit breaker: failing lookups don't stop the keys."""

    def __init__(
        self, http: httpx.AsyncClient, policy: CallPolicy, metrics: CallMetrics | None = None
    ) -> None:
        metrics = metrics or CallMetrics()
        self._lookups = Provider("lookups", http, policy, UsersUnavailable, metrics)
        self._keys = Provider("keys", http, policy, UsersUnavailable, metrics)

    async def get_user(self, user_id: int, token: str) -> UserSummary | None:
        headers = {"Authorization": f"Bearer {token}"}
        response = await self._lookups.get(f"/users/{user_id}", headers)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise InvalidToken
        user = self._lookups.parsed(response, UserSummary)
        if user.id != user_id:
            raise self._lookups.failed("an answer about another user")
        return user

    async def fetch_keys(self) -> str:
        return self._keys.text(await self._keys.get("/.well-known/jwks.json"))


@asynccontextmanager
async def open_users(
    settings: ItemsSettings,
    metrics: CallMetrics,
    *,
    given: Users | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Users]:
    """A client by the settings, closed after the block; a client that is given stays open."""
    if given is not None:
        yield given
        return
    http = service_client(
        settings.users_url, timeout_seconds=settings.users_deadline_seconds, transport=transport
    )
    async with http:
        yield UsersClient(http, settings.users_calls, metrics)
