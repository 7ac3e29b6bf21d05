"""Issuing access tokens: for users, and for services in their own name."""

from secrets import token_hex
from typing import Any

import jwt

from app.schemas import AccessToken
from app.signing_keys import KeyRing
from chassis.auth.tokens import ALGORITHM, ISSUER
from chassis.db.columns import utc_now

USER_AUDIENCE = ["users", "items"]
INTERNAL_AUDIENCE = "users-internal"
EVENTS_AUDIENCE = "items-events"
_DELIVERY_SECONDS = 60


class TokenIssuer:
    def __init__(self, keys: KeyRing, lifetime_seconds: int) -> None:
        self._keys = keys
        self._lifetime_seconds = lifetime_seconds

    async def for_user(self, user_id: int, role: str) -> AccessToken:
        claims = {"sub": str(user_id), "aud": USER_AUDIENCE, "role": role}
        return await self._issue(claims, self._lifetime_seconds)

    async def for_service(self, client_id: str) -> AccessToken:
        claims = {"sub": client_id, "aud": INTERNAL_AUDIENCE}
        return await self._issue(claims, self._lifetime_seconds)

    async def for_delivery(self) -> AccessToken:
        """For the events that this service delivers; short-lived, as it can have another any time."""
        return await self._issue({"sub": ISSUER, "aud": EVENTS_AUDIENCE}, _DELIVERY_SECONDS)

    async def _issue(self, claims: dict[str, Any], lifetime_seconds: int) -> AccessToken:
        key = await self._keys.signing_key()
        issued_at = int(utc_now().timestamp())
        token = jwt.encode(
            {
                "iss": ISSUER,
                "iat": issued_at,
                "exp": issued_at + lifetime_seconds,
                "jti": token_hex(16),
                **claims,
            },
            key.private,
            algorithm=ALGORITHM,
            headers={"kid": key.key_id},
        )
        return AccessToken(
            access_token=token,
            token_type="bearer",  # noqa: S106 - the name of a type of token
            expires_in=lifetime_seconds,
        )
