"""Issuing access tokens: for users, and for services in their own name."""

from secrets import token_hex
from typing import Any

import jwt

from app.schemas import AccessToken
from app.signing_keys import KeyRing
from chassis.columns import utc_now
from chassis.tokens import ALGORITHM, ISSUER

USER_AUDIENCE = ["users", "items"]
INTERNAL_AUDIENCE = "users-internal"


class TokenIssuer:
    def __init__(self, keys: KeyRing, lifetime_seconds: int) -> None:
        self._keys = keys
        self._lifetime_seconds = lifetime_seconds

    async def for_user(self, user_id: int, role: str) -> AccessToken:
        return await self._issue({"sub": str(user_id), "aud": USER_AUDIENCE, "role": role})

    async def for_service(self, client_id: str) -> AccessToken:
        return await self._issue({"sub": client_id, "aud": INTERNAL_AUDIENCE})

    async def _issue(self, claims: dict[str, Any]) -> AccessToken:
        key = await self._keys.signing_key()
        issued_at = int(utc_now().timestamp())
        token = jwt.encode(
            {
                "iss": ISSUER,
                "iat": issued_at,
                "exp": issued_at + self._lifetime_seconds,
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
            expires_in=self._lifetime_seconds,
        )
