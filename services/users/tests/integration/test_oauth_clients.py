"""The token endpoint, as the OAuth client of Authlib uses it (RFC 6749)."""

import warnings
from typing import Any

import pytest
from authlib.deprecate import AuthlibDeprecationWarning
from joserfc import jwt
from joserfc.jwk import KeySet

from app.main import create_app
from app.services import service_clients
from app.settings import UsersSettings
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response
from service_testing.client import AppClient
from service_testing.frozen_time import FrozenTime
from service_testing.lifespan import running
from tests.factories import Account, create_user_data

with warnings.catch_warnings(
    action="ignore", category=AuthlibDeprecationWarning
):  # httpx2 is newer
    from authlib.integrations.httpx_client import AsyncOAuth2Client

# The name of the algorithm that RFC 9864 prefers is in few libraries yet.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
BASE_URL = "http://testserver"


def oauth_client(client: AppClient, *credentials: str, **options: Any) -> AsyncOAuth2Client:
    return AsyncOAuth2Client(
        *credentials,
        transport=client.transport,
        base_url=BASE_URL,
        token_endpoint=f"{BASE_URL}/auth/token",
        **options,
    )


class TestPerson:
    async def test_client_renews_the_access_token_by_itself(
        self, client: AppClient, user: Account, frozen_time: FrozenTime
    ) -> None:
        async with oauth_client(client, token_endpoint_auth_method="none") as oauth:
            first = await oauth.fetch_token(username=user.email, password=user.password)
            frozen_time.tick(minutes=16)
            response = await oauth.get("/users/me")
            assert response.json()["email"] == user.email
            assert oauth.token["refresh_token"] != first["refresh_token"]

    async def test_used_refresh_token_returns_invalid_grant_and_ends_the_login(
        self, client: AppClient, user: Account
    ) -> None:
        async with oauth_client(client, token_endpoint_auth_method="none") as oauth:
            first = await oauth.fetch_token(username=user.email, password=user.password)
            second = await oauth.refresh_token()
        for token in (first, second):
            form = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
            response = await client.post("/auth/token", data=form)
            assert_error_response(response, 400, "invalid_grant")


class TestService:
    @pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
    async def test_token_of_a_client_is_verified_by_the_key_set(
        self, client: AppClient, session: WriteSession, method: str
    ) -> None:
        secret = await service_clients.register(
            session, "orders", audiences=["items"], scopes=["items:read"]
        )
        await session.commit()
        async with oauth_client(
            client, "orders", secret, token_endpoint_auth_method=method
        ) as oauth:
            token = await oauth.fetch_token(grant_type="client_credentials")
        keys = KeySet.import_key_set((await client.get("/.well-known/jwks.json")).json())
        claims = jwt.decode(token["access_token"], keys, algorithms=["EdDSA"]).claims
        assert (claims["sub"], claims["aud"]) == ("orders", "items")


class TestServerMetadata:
    async def test_metadata_without_a_public_url_returns_404(self, client: AppClient) -> None:
        response = await client.get("/.well-known/oauth-authorization-server")
        assert_error_response(response, 404, "not_found")

    async def test_metadata_names_the_issuer_of_the_tokens(
        self, settings: UsersSettings, spare_database_url: str
    ) -> None:
        public = settings.model_copy(update={"public_url": BASE_URL})
        database, person = Database(spare_database_url), create_user_data()
        async with running(create_app(public, database=database)) as client:
            metadata = (await client.get("/.well-known/oauth-authorization-server")).json()
            assert (await client.post("/users/", json=person)).status_code == 201
            async with AsyncOAuth2Client(
                transport=client.transport, token_endpoint_auth_method="none", **metadata
            ) as oauth:
                token = await oauth.fetch_token(
                    username=person["email"], password=person["password"]
                )
            keys = KeySet.import_key_set((await client.get(metadata["jwks_uri"])).json())
        await database.aclose()
        claims = jwt.decode(token["access_token"], keys, algorithms=["EdDSA"]).claims
        assert claims["iss"] == metadata["issuer"] == BASE_URL
