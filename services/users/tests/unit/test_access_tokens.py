"""The token that deliveries of events carry."""

from datetime import timedelta
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt import decode

from app.services.access_tokens import TokenIssuer
from app.services.signing_keys import KeyRing, LoadedKey
from chassis.db.columns import utc_now

DAY = timedelta(days=1)


class Ring:
    """A fake key ring with one key."""

    def __init__(self) -> None:
        self.key = LoadedKey(
            "key-1", Ed25519PrivateKey.generate(), utc_now() - DAY, utc_now() + DAY
        )

    async def signing_key(self) -> LoadedKey:
        return self.key


async def test_delivery_token_is_for_the_subscriber_and_a_minute() -> None:
    ring = Ring()
    granted = await TokenIssuer(
        cast(KeyRing, ring), lifetime_seconds=900, user_audiences=[]
    ).for_delivery("items-events")
    claims = decode(
        granted.access_token,
        ring.key.private.public_key(),
        algorithms=["EdDSA"],
        audience="items-events",
    )
    assert claims["sub"] == "users"
    assert claims["aud"] == "items-events"
    assert claims["exp"] - claims["iat"] == granted.expires_in == 60
