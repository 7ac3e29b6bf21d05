"""The client of the users service: nothing of HTTP leaves this module."""

import asyncio
from typing import Protocol

import httpx
import stamina
import structlog
from pydantic import BaseModel, ValidationError

from app.errors import UsersUnavailable
from chassis.errors import InvalidToken
from chassis.fields import Name

logger = structlog.get_logger(__name__)

_HTTPX_ERRORS = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, httpx.CookieConflict)


class UserSummary(BaseModel):
    """What this service reads of `GET /users/{id}`."""

    id: int
    name: Name
    is_active: bool


class Users(Protocol):
    """The users service, as this one needs it."""

    async def get_user(self, user_id: int, token: str) -> UserSummary | None:
        """The user, or None when there is none.

        Raises:
            InvalidToken: users refuses the token.
            UsersUnavailable: no usable answer before the deadline.
        """
        ...

    async def fetch_keys(self) -> str:
        """The published keys, as a JSON Web Key Set.

        Raises:
            UsersUnavailable: as above.
        """
        ...


class _TryAgain(Exception):
    """An answer or a failure that the next attempt may not meet."""


class UsersClient:
    """`Users` over HTTP: one deadline for all attempts, and few of them."""

    def __init__(self, http: httpx.AsyncClient, *, deadline_seconds: float, attempts: int) -> None:
        self._http = http
        self._deadline_seconds = deadline_seconds
        self._retrying = stamina.AsyncRetryingCaller(
            attempts=attempts, timeout=None, wait_initial=0.05, wait_max=0.5, wait_jitter=0.1
        )

    async def get_user(self, user_id: int, token: str) -> UserSummary | None:
        response = await self._get(f"/users/{user_id}", {"Authorization": f"Bearer {token}"})
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise InvalidToken
        _require_ok(response)
        try:
            user = UserSummary.model_validate_json(response.content)
        except ValidationError:
            raise _unavailable("an answer of another shape") from None
        if user.id != user_id:
            raise _unavailable("an answer about another user")
        return user

    async def fetch_keys(self) -> str:
        response = await self._get("/.well-known/jwks.json", {})
        _require_ok(response)
        return response.text

    async def _get(self, path: str, headers: dict[str, str]) -> httpx.Response:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await self._retrying(_TryAgain, self._get_once, path, headers)
        except TimeoutError:
            raise _unavailable("no answer before the deadline") from None
        except _TryAgain as error:
            raise _unavailable(str(error)) from None

    async def _get_once(self, path: str, headers: dict[str, str]) -> httpx.Response:
        try:
            response = await self._http.get(path, headers=headers)
        except _HTTPX_ERRORS as error:
            raise _TryAgain(type(error).__name__) from None
        if response.is_server_error or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise _TryAgain(f"status {response.status_code}")
        return response


def _require_ok(response: httpx.Response) -> None:
    if response.status_code != httpx.codes.OK:
        raise _unavailable(f"status {response.status_code}")


def _unavailable(reason: str) -> UsersUnavailable:
    logger.warning("users_unavailable", reason=reason)
    return UsersUnavailable()
