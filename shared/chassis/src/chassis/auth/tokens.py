"""Access tokens and their verification (RFC 7519, RFC 8725, RFC 9068)."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, Protocol, get_args

import jwt
from jwt import PyJWK

from chassis.web.errors import InvalidToken
from chassis.web.fields import MAX_ID, MAX_ID_DIGITS

ALGORITHM = "EdDSA"
TYPE = "at+jwt"
"""What the header of an access token says, so that no other signed document passes for one."""
LEEWAY_SECONDS = 10

Role = Literal["user", "admin"]


@dataclass(frozen=True, slots=True)
class Principal:
    """The user that a verified access token was issued to."""

    user_id: int
    role: Role
    token: str = field(repr=False)
    """The token itself, to call another service for the same user. Never log it."""
    auth_time: int | None = None
    """When the user last sent the password, in seconds since 1970 (OpenID Connect Core 1.0, section 2)."""
    session_id: str | None = None
    """The session at the issuer that the token belongs to (OpenID Connect Front-Channel Logout 1.0, section 3)."""

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"


class KeySource(Protocol):
    async def find(self, key_id: str) -> PyJWK | None:
        """The published key with this id, or None when there is none."""
        ...

    def confirm(self, key_id: str) -> None:
        """A token that was signed with this key is valid."""
        ...


class TokenVerifier:
    """Checks signature, issuer, time and exactly one audience."""

    def __init__(self, keys: KeySource, *, audience: str, issuer: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    async def principal(self, token: str) -> Principal:
        """The user that the token was issued to.

        Raises:
            InvalidToken: for any reason. The client doesn't learn which.
        """
        claims = await self.claims(token)
        role: Any = claims.get("role")
        if role not in get_args(Role):
            raise InvalidToken
        auth_time, session_id = claims.get("auth_time"), claims.get("sid")
        return Principal(
            user_id=_user_id(claims["sub"]),
            role=role,
            token=token,
            auth_time=auth_time if isinstance(auth_time, int) else None,
            session_id=session_id if isinstance(session_id, str) else None,
        )

    async def claims(self, token: str) -> dict[str, Any]:
        """The token's verified claims.

        Raises:
            InvalidToken: as above.
        """
        try:
            key_id = _key_id(token.partition(".")[0])
            key = await self._keys.find(key_id)
            if key is None:
                raise InvalidToken
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub", "jti", "client_id"]},
            )
        except (jwt.PyJWTError, ValueError):
            raise InvalidToken from None
        self._keys.confirm(key_id)
        return claims


@lru_cache(maxsize=64)  # all tokens of one key have the same header
def _key_id(header: str) -> str:
    """Raises `PyJWTError` or `ValueError` for a malformed header, or for another type. Nothing is verified yet."""
    fields = jwt.get_unverified_header(f"{header}..")
    if str(fields.get("typ", "")).lower().removeprefix("application/") != TYPE:
        raise ValueError
    return str(fields.get("kid", ""))


def _user_id(subject: str) -> int:
    if not (subject.isascii() and subject.isdigit() and len(subject) <= MAX_ID_DIGITS):
        raise InvalidToken
    user_id = int(subject)
    if not 1 <= user_id <= MAX_ID:
        raise InvalidToken
    return user_id
