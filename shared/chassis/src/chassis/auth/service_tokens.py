"""Tokens in a service's own name, by client credentials (RFC 6749, section 4.4)."""

import asyncio
import time
from collections.abc import Callable, Sequence
from urllib.parse import quote_plus

import httpx
import structlog
from pydantic import BaseModel, Field, SecretStr, ValidationError

from chassis.http.client import send_or_fail
from chassis.http.guarded_calls import CallGivenUp, CallPolicy, GuardedCalls

logger = structlog.get_logger(__name__)

_RENEWED_AFTER = 0.8
"""The share of a token's lifetime after which it is renewed."""


class TokenRefused(Exception):
    """The issuer gives no token for these credentials, audience and scopes."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the issuer of tokens answers {status}")
        self.status = status


class IssuedToken(BaseModel):
    """The fields of the issuer's response that are read."""

    access_token: str
    expires_in: int = Field(gt=0)


class ServiceTokens:
    """Tokens for one audience. One is used until it is due, and renewed once, however many callers wait."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        policy: CallPolicy,
        *,
        client_id: str,
        secret: SecretStr,
        audience: str | None = None,
        scopes: Sequence[str] = (),
        path: str = "/auth/token",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`http` calls the issuer; the caller closes it. By default, the audience and the scopes are the client's."""
        self._http = http
        self._calls = GuardedCalls(policy)
        # Both are form-encoded before basic authentication joins them (RFC 6749, section 2.3.1).
        password = quote_plus(secret.get_secret_value())
        self._auth = httpx.BasicAuth(quote_plus(client_id), password)
        asked = {"audience": audience, "scope": " ".join(scopes)}
        self._form = {"grant_type": "client_credentials", **{k: v for k, v in asked.items() if v}}
        self._path = path
        self._clock = clock
        self._token = ""
        self._renew_at = self._expires_at = float("-inf")
        self._renewal: asyncio.Task[None] | None = None

    async def get(self) -> str:
        """A valid token. While the issuer is unavailable, the old one is used until it expires.

        Raises:
            CallGivenUp: the issuer is unavailable.
            TokenRefused: the issuer gives no token.
        """
        if self._clock() >= self._renew_at:
            if self._renewal is None:
                self._renewal = asyncio.create_task(self._renew())
                self._renewal.add_done_callback(self._finished)
            try:
                await asyncio.shield(self._renewal)  # a cancelled caller must not fail the others
            except CallGivenUp:
                if self._clock() >= self._expires_at:
                    raise
        return self._token

    def discard(self, token: str) -> None:
        """Don't use this token again: the service that it is for has refused it."""
        if token == self._token:
            self._renew_at = self._expires_at = float("-inf")

    def _finished(self, renewal: asyncio.Task[None]) -> None:
        self._renewal = None
        if not renewal.cancelled() and (error := renewal.exception()):
            logger.warning("service_token_not_renewed", reason=str(error))

    async def _renew(self) -> None:
        asked_at = self._clock()
        response = await self._calls.call(
            lambda: send_or_fail(self._http, "POST", self._path, data=self._form, auth=self._auth)
        )
        if not response.is_success:
            raise TokenRefused(response.status_code)
        try:
            issued = IssuedToken.model_validate_json(response.content)
        except ValidationError:
            raise TokenRefused(response.status_code) from None
        self._token = issued.access_token
        self._renew_at = asked_at + issued.expires_in * _RENEWED_AFTER
        self._expires_at = asked_at + issued.expires_in
