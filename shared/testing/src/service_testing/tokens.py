"""Access tokens: valid ones, and every kind that a service must refuse."""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt import PyJWK, PyJWS
from jwt.algorithms import OKPAlgorithm

from chassis.auth.tokens import ALGORITHM, TYPE

_LIFETIME_SECONDS = 15 * 60


class TokenIssuer:
    """Signs tokens, and publishes the key that verifies them.

    A verifier can use it as its `chassis.auth.tokens.KeySource`.
    """

    def __init__(
        self,
        key: Ed25519PrivateKey | None = None,
        *,
        key_id: str = "test-key",
        audience: str | Sequence[str] = (),
        name: str = "issuer",
    ) -> None:
        """`name` is the claim `iss`."""
        self._key = key or Ed25519PrivateKey.generate()
        self.key_id = key_id
        self.audience = audience
        self.name = name
        self._published = PyJWK(self._jwk())

    def jwks(self) -> dict[str, Any]:
        """The published keys (RFC 7517, RFC 8037)."""
        return {"keys": [self._jwk()]}

    def confirm(self, key_id: str) -> None:
        """Nothing to do: the only key is its own."""

    async def find(self, key_id: str) -> PyJWK | None:
        return self._published if key_id == self.key_id else None

    def impostor(self) -> "TokenIssuer":
        """An issuer that claims this one's key id, but signs with another key."""
        return TokenIssuer(key_id=self.key_id, audience=self.audience, name=self.name)

    def token(
        self,
        *,
        user_id: int = 1,
        role: str = "user",
        audience: str | Sequence[str] | None = None,
        expires_in_seconds: float = _LIFETIME_SECONDS,
        algorithm: str = ALGORITHM,
        headers: Mapping[str, Any] | None = None,
        without: Collection[str] = (),
        **claims: Any,
    ) -> str:
        """An access token that is valid unless the arguments make it invalid.

        Its audience is the issuer's unless given. `algorithm` may be `none`, or `HS256` with the public key as the
        secret, a common forgery. `without` names claims to leave out, and `claims` replace the valid ones.
        """
        audience = self.audience if audience is None else audience
        now = int(time.time())
        payload = {
            "iss": self.name,
            "sub": str(user_id),
            "client_id": "first-party",
            "aud": audience if isinstance(audience, str) else list(audience),
            "iat": now,
            "exp": now + int(expires_in_seconds),
            "jti": uuid4().hex,
            "role": role,
            **claims,
        }
        kept = {name: value for name, value in payload.items() if name not in without}
        # Not `jwt.encode`: it refuses some invalid claims, which the service has to refuse.
        return PyJWS().encode(
            json.dumps(kept).encode(),
            self._secret(algorithm),
            algorithm,
            headers={"typ": TYPE, "kid": self.key_id, **(headers or {})},
        )

    def _jwk(self) -> dict[str, Any]:
        public = OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"kid": self.key_id, "use": "sig", "alg": ALGORITHM, **public}

    def _secret(self, algorithm: str) -> Any:
        if algorithm.startswith("HS"):
            return self._key.public_key().public_bytes_raw()
        return None if algorithm == "none" else self._key
