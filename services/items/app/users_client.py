"""The client of the users service: nothing of HTTP leaves this module."""

from typing import Protocol

import httpx
import structlog
from pydantic import BaseModel, ValidationError

from app.errors import UsersUnavailable
from app.metrics import UsersMetrics
from chassis.http.client import send_or_fail
from chassis.http.guarded_calls import CallGivenUp, CallPolicy, GuardedCalls
from chassis.web.errors import InvalidToken
from chassis.web.fields import Name

logger = structlog.get_logger(__name__)


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


class UsersClient:
    """`Users` over HTTP. Its two calls are guarded apart: a failing look-up must not stop keys."""

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
            raise _unavailable("an answer of another shape") from None
        if user.id != user_id:
            raise _unavailable("an answer about another user")
        return user

    async def fetch_keys(self) -> str:
        response = await self._get(self._keys, "/.well-known/jwks.json", {})
        _require_ok(response)
        return response.text

    def _guarded(self, name: str, policy: CallPolicy) -> GuardedCalls:
        calls = GuardedCalls(policy)
        self._metrics.watch_breaker(name, calls.breaker)
        return calls

    async def _get(self, calls: GuardedCalls, path: str, headers: dict[str, str]) -> httpx.Response:
        try:
            return await calls.call(lambda: self._get_once(path, headers))
        except CallGivenUp as error:
            raise _unavailable(str(error), error.retry_after_seconds) from None

    async def _get_once(self, path: str, headers: dict[str, str]) -> httpx.Response:
        with self._metrics.counting_call():
            return await send_or_fail(self._http, "GET", path, headers=headers)


def _require_ok(response: httpx.Response) -> None:
    if response.status_code != httpx.codes.OK:
        raise _unavailable(f"status {response.status_code}")


def _unavailable(reason: str, retry_after_seconds: int = 1) -> UsersUnavailable:
    logger.warning("users_unavailable", reason=reason)
    return UsersUnavailable(headers={"Retry-After": str(retry_after_seconds)})
