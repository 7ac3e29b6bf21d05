"""Access tokens and their verification (RFC 7519, RFC 8725, RFC 9068)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal, Protocol, get_args

import jwt
from jwt import PyJWK

from chassis.web.context import set_actor
from chassis.web.errors import InvalidToken
from chassis.web.fields import MAX_ID, MAX_ID_DIGITS

ALGORITHM = "EdDSA"
TYPE = "at+jwt"
"""What the header of an access token says, so that no other signed document passes for one."""
LEEWAY_SECONDS = 10
_REMEMBERED_TOKENS = 1_000

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
    """Checks signature, issuer, time and exactly one audience.

    It remembers the claims of a token by its hash, and doesn't verify the signature again while the same key is
    published. Each request checks the key and the expiry.
    """

    def __init__(self, keys: KeySource, *, audience: str, issuer: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._verified: dict[bytes, tuple[PyJWK, Mapping[str, Any]]] = {}

    async def principal(self, token: str) -> Principal:
        """The user that the token was issued to.

        Raises:
            InvalidToken: for any reason. The client doesn't learn which.
        """
        claims = await self.claims(token)
        role: Any = claims.get("role")
        if role not in get_args(Role):
            raise InvalidToken
        user_id = _user_id(claims["sub"])
        set_actor(user_id)
        auth_time, session_id = claims.get("auth_time"), claims.get("sid")
        return Principal(
            user_id=user_id,
            role=role,
            token=token,
            auth_time=auth_time if isinstance(auth_time, int) else None,
            session_id=session_id if isinstance(session_id, str) else None,
        )

    async def claims(self, token: str) -> Mapping[str, Any]:
        """The token's verified claims.

        Raises:
            InvalidToken: as above.
        """
        try:
            key_id = _key_id(token.partition(".")[0])
            key = await self._keys.find(key_id)
            if key is None:
                raise InvalidToken
            claims = self._remembered(token, key) or self._verify(token, key)
        except (jwt.PyJWTError, ValueError):
            raise InvalidToken from None
        self._keys.confirm(key_id)
        set_actor(claims["sub"])
        return claims

    def _remembered(self, token: str, key: PyJWK) -> Mapping[str, Any] | None:
        """The claims, if the token was verified with this key. Raises `PyJWTError` when it has expired since."""
        verified_with, claims = self._verified.get(_hash(token), (None, {}))
        if verified_with is not key:
            return None
        if int(claims["exp"]) <= time.time() - LEEWAY_SECONDS:
            raise jwt.ExpiredSignatureError
        return claims

    def _verify(self, token: str, key: PyJWK) -> Mapping[str, Any]:
        """Raises `PyJWTError` or `ValueError` for a token that isn't valid."""
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=self._audience,
            issuer=self._issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "iss", "aud", "sub", "jti", "client_id"]},
        )
        if len(self._verified) >= _REMEMBERED_TOKENS:
            del self._verified[next(iter(self._verified))]  # the oldest
        self._verified[_hash(token)] = (key, claims)
        return claims


@lru_cache(maxsize=64)  # all tokens of one key have the same header
def _key_id(header: str) -> str:
    """Raises `PyJWTError` or `ValueError` for a malformed header, or for another type. Nothing is verified yet."""
    fields = jwt.get_unverified_header(f"{header}..")
    if str(fields.get("typ", "")).lower().removeprefix("application/") != TYPE:
        raise ValueError
    return str(fields.get("kid", ""))


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()


def _user_id(subject: str) -> int:
    if not (subject.isascii() and subject.isdigit() and len(subject) <= MAX_ID_DIGITS):
        raise InvalidToken
    user_id = int(subject)
    if not 1 <= user_id <= MAX_ID:
        raise InvalidToken
    return user_id
