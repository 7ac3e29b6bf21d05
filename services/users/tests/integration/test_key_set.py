"""`GET /.well-known/jwks.json`."""

import jwt
from jwt import PyJWK
from sqlalchemy import delete

from app.dependencies import UsersState
from app.models import SigningKey
from app.services.signing_keys import rotate
from app.settings import UsersSettings
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_status
from service_testing.client import AppClient
from tests.factories import Account


class TestReadKeys:
    async def test_read_keys_returns_only_public_halves_without_a_token(
        self, client: AppClient
    ) -> None:
        response = await client.get("/.well-known/jwks.json")
        assert_status(response, 200)
        (key,) = response.json()["keys"]
        assert key.keys() == {"kty", "crv", "x", "kid", "use", "alg"}
        assert (key["kty"], key["crv"], key["use"], key["alg"]) == (
            "OKP",
            "Ed25519",
            "sig",
            "EdDSA",
        )

    async def test_read_keys_has_the_max_age_of_the_settings(
        self, client: AppClient, settings: UsersSettings
    ) -> None:
        response = await client.get("/.well-known/jwks.json")
        max_age = settings.jwks_max_age_seconds
        assert response.headers["Cache-Control"] == f"public, max-age={max_age}"

    async def test_published_key_verifies_a_token(self, client: AppClient, user: Account) -> None:
        (key,) = (await client.get("/.well-known/jwks.json")).json()["keys"]
        claims = jwt.decode(user.token, PyJWK(key), algorithms=["EdDSA"], audience="users")
        assert claims["sub"] == str(user.id)

    async def test_read_keys_shows_a_rotated_key_at_once(
        self, client: AppClient, state: UsersState, session: WriteSession, settings: UsersSettings
    ) -> None:
        present = await state.keys.signing_key()
        key, _ = await rotate(session, settings, at_once=False)
        await session.commit()
        after = (await client.get("/.well-known/jwks.json")).json()["keys"]
        assert [jwk["kid"] for jwk in after] == [present.key_id, key.key_id]

    async def test_read_keys_without_any_key_is_empty(
        self, client: AppClient, session: WriteSession
    ) -> None:
        await session.exec(delete(SigningKey))
        await session.commit()
        response = await client.get("/.well-known/jwks.json")
        assert_status(response, 200)
        assert response.json() == {"keys": []}
