"""The client of the users service. Nothing of httpx leaves this module."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import httpx
import structlog
from pydantic import BaseModel, ValidationError

from app.errors import UsersUnavailable
from app.metrics import UsersMetrics
from app.settings import ItemsSettings
from chassis.http.client import send_or_fail, service_client
from chassis.http.guarded_calls import CallGivenUp, CallPolicy, GuardedCalls
from chassis.web.errors import InvalidToken
from chassis.web.fields import StoredName

logger = structlog.get_logger(__name__)


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
        self, http: httpx.AsyncClient, policy: CallPolicy, metrics: UsersMetrics | None = None
    ) -> None:
        self._http = http
        self._metrics = metrics or UsersMetrics()
        self._lookups = self._guarded("lookups", policy)
        self._keys = self._guarded("keys", policy)

    async def get_user(self, user_id: int, token: str) -> UserSummary | None:
        headers = {"Authorization": f"Bearer {token}"}
        response = await self._get(self._lookups, f"/users/{user_id}", headers)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise InvalidToken
        _require_ok(response)
        try:
            user = UserSummary.model_validate_json(response.content)
        except ValidationError:
            raise _unavailable("an invalid answer") from None
        if user.id != user_id:
            raise _unavailable("an answer about another user")
        return user

    async def fetch_keys(self) -> str:
        response = await self._get(self._keys, "/.well-known/jwks.json", {})
        _require_ok(response)
        return response.text

    def _guarded(self, name: str, policy: CallPolicy) -> GuardedCalls:
        calls = GuardedCalls(policy)
        self._metrics.breakers.watch(name, calls.breaker)
        return calls

    async def _get(self, calls: GuardedCalls, path: str, headers: dict[str, str]) -> httpx.Response:
        try:
            return await calls.call(lambda: self._get_once(path, headers))
        except CallGivenUp as error:
            raise _unavailable(str(error), error.retry_after_seconds) from None

    async def _get_once(self, path: str, headers: dict[str, str]) -> httpx.Response:
        with self._metrics.counting_call():
            return await send_or_fail(self._http, "GET", path, headers=headers)


@asynccontextmanager
async def open_users(
    settings: ItemsSettings,
    metrics: UsersMetrics,
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


def _require_ok(response: httpx.Response) -> None:
    if response.status_code != httpx.codes.OK:
        raise _unavailable(f"status {response.status_code}")


def _unavailable(reason: str, retry_after_seconds: int = 1) -> UsersUnavailable:
    logger.warning("users_unavailable", reason=reason)
    return UsersUnavailable(headers={"Retry-After": str(retry_after_seconds)})
