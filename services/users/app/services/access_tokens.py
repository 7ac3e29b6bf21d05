"""Access tokens: for users, and for services in their own name (RFC 9068)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from secrets import token_hex

import jwt

from app.schemas import AccessToken, ServiceToken
from app.services.signing_keys import KeyRing
from app.settings import SERVICE_NAME
from chassis.auth.tokens import ALGORITHM, TYPE, Role
from chassis.db.columns import utc_now

INTERNAL_AUDIENCE = "users-internal"
"""The audience of this service's internal routes."""
READ_SCOPE = "users:read"
FIRST_PARTY = "first-party"
"""The client of people who sign in with their password: whatever they use, it isn't registered."""
_DELIVERY_SECONDS = 60


class TokenIssuer:
    """Signs access tokens."""

    def __init__(
        self,
        keys: KeyRing,
        *,
        issuer: str,
        lifetime_seconds: int,
        user_audiences: Sequence[str],
    ) -> None:
        """`user_audiences` are the services that accept the tokens of users."""
        self.keys = keys
        self._issuer = issuer
        self._lifetime_seconds = lifetime_seconds
        self._user_audiences = list(user_audiences)

    async def for_user(
        self, user_id: int, role: Role, *, session_id: int, signed_in_at: datetime
    ) -> AccessToken:
        claims: dict[str, str | int | Sequence[str]] = {
            "sub": str(user_id),
            "client_id": FIRST_PARTY,
            "aud": self._user_audiences,
            "role": role,
            "sid": str(session_id),
            "auth_time": int(signed_in_at.timestamp()),
        }
        return await self._issue(claims, self._lifetime_seconds)

    async def for_service(
        self, client_id: str, *, audience: str, scopes: Sequence[str]
    ) -> ServiceToken:
        scope = " ".join(scopes)
        claims = {"sub": client_id, "client_id": client_id, "aud": audience, "scope": scope}
        token = await self._issue(claims, self._lifetime_seconds)
        return ServiceToken(**token.model_dump(), scope=scope)

    async def for_delivery(self, audience: str) -> AccessToken:
        """A short-lived token for deliveries of events to one subscriber."""
        claims = {"sub": SERVICE_NAME, "client_id": SERVICE_NAME, "aud": audience}
        return await self._issue(claims, _DELIVERY_SECONDS)

    async def _issue(
        self, claims: Mapping[str, str | int | Sequence[str]], lifetime_seconds: int
    ) -> AccessToken:
        key = await self.keys.signing_key()
        issued_at = int(utc_now().timestamp())
        token = jwt.encode(
            {
                "iss": self._issuer,
                "iat": issued_at,
                "exp": issued_at + lifetime_seconds,
                "jti": token_hex(16),
                **claims,
            },
            key.private,
            algorithm=ALGORITHM,
            headers={"kid": key.key_id, "typ": TYPE},
        )
        return AccessToken(
            access_token=token,
            token_type="bearer",  # noqa: S106 - the name of a type of token
            expires_in=lifetime_seconds,
        )
