"""`POST /auth/token` with `grant_type=client_credentials` and HTTP Basic (RFC 6749, 2.3.1 and 4.4)."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any
from urllib.parse import quote_plus

import httpx
import jwt
import pytest
from fastapi import FastAPI

from app.main import build_state
from app.services import service_clients
from app.services.access_tokens import INTERNAL_AUDIENCE, READ_SCOPE
from app.settings import UsersSettings
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient, app_transport
from service_testing.isolation import IsolatedDatabase

CLIENT_ID = "a name: with + and %"


@dataclass(frozen=True)
class Credentials:
    client_id: str
    secret: str


@pytest.fixture
async def credentials(session: WriteSession) -> Credentials:
    """A registered service of one audience. Its name has to be form-decoded."""
    return await register(session)


@pytest.fixture
async def two_audiences(session: WriteSession) -> Credentials:
    """A registered service of two audiences and two scopes."""
    return await register(session, audiences=["shop", "stock"], scopes=["shop:read", "shop:write"])


async def register(
    session: WriteSession,
    *,
    audiences: Sequence[str] = (INTERNAL_AUDIENCE,),
    scopes: Sequence[str] = (READ_SCOPE,),
) -> Credentials:
    secret = await service_clients.register(session, CLIENT_ID, audiences=audiences, scopes=scopes)
    await session.commit()
    return Credentials(CLIENT_ID, secret)


def basic(client_id: str, secret: str) -> str:
    raw = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(raw.encode()).decode()


async def request_token(
    client: AppClient, authorization: str | None, **form: str
) -> httpx.Response:
    headers = {"Authorization": authorization} if authorization is not None else {}
    data = {"grant_type": "client_credentials", **form}
    return await client.post("/auth/token", data=data, headers=headers)


def claims_of(response: httpx.Response) -> dict[str, Any]:
    assert_status(response, 200)
    claims: dict[str, Any] = jwt.decode(
        response.json()["access_token"], options={"verify_signature": False}
    )
    return claims


class TestClientCredentials:
    async def test_request_without_credentials_returns_401(self, client: AppClient) -> None:
        response = await request_token(client, None)
        assert_error_response(response, 401, "invalid_client")
        assert response.headers["WWW-Authenticate"].startswith("Basic ")

    @pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
    async def test_client_gets_a_token_in_its_own_name(
        self, client: AppClient, credentials: Credentials, scheme: str
    ) -> None:
        authorization = basic(credentials.client_id, credentials.secret)
        response = await request_token(client, authorization.replace("Basic", scheme))
        claims = claims_of(response)
        body = response.json()
        assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}
        assert body["scope"] == "users:read"
        assert claims.keys() == {"iss", "sub", "aud", "iat", "exp", "jti", "scope", "client_id"}
        assert claims["aud"] == "users-internal"
        assert claims["scope"] == "users:read"
        assert claims["sub"] == claims["client_id"] == CLIENT_ID

    async def test_wrong_client_id_or_secret_returns_401(
        self, client: AppClient, credentials: Credentials
    ) -> None:
        bodies = []
        for authorization in (
            basic(credentials.client_id, f"{credentials.secret}x"),
            basic(credentials.client_id, ""),
            basic("unknown", credentials.secret),
            basic("", credentials.secret),
            basic("", ""),
        ):
            response = await request_token(client, authorization)
            body = assert_error_response(response, 401, "invalid_client")
            assert response.headers["WWW-Authenticate"].startswith("Basic ")
            bodies.append(body["detail"])
        assert len(set(bodies)) == 1

    @pytest.mark.parametrize(
        "authorization",
        [
            *("", "Basic", "Basic !!!!", "Basic YQ=", "Basic bm8gY29sb24=", "Basic /////w=="),
            *("Basic \xe9\xe9\xe9\xe9", "Bearer YTpi"),
            basic("nul\0", "secret"),
            basic("items", "nul\0"),
            basic("surrogate %ud800 %ed%a0%80", "secret"),
        ],
        ids=lambda value: ascii(value)[:30],
    )
    async def test_malformed_authorization_header_returns_401(
        self, client: AppClient, authorization: str
    ) -> None:
        response = await client.post(
            "/auth/token",
            data={"grant_type": "client_credentials"},
            headers=[(b"Authorization", authorization.encode("latin-1"))],
        )
        assert_error_response(response, 401, "invalid_client")

    @pytest.mark.parametrize("encoded", ["items%00", "%ff", "%ed%a0%80", "%"])
    async def test_credentials_that_no_database_can_look_up_return_401(
        self, client: AppClient, encoded: str
    ) -> None:
        value = base64.b64encode(f"{encoded}:{encoded}".encode()).decode()
        response = await request_token(client, f"Basic {value}")
        assert_error_response(response, 401, "invalid_client")

    async def test_credentials_in_the_form_are_accepted_instead_of_basic(
        self, client: AppClient, credentials: Credentials
    ) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.secret,
        }
        claims_of(await client.post("/auth/token", data=form))
        wrong = await client.post("/auth/token", data={**form, "client_secret": "wrong"})
        assert_error_response(wrong, 401, "invalid_client")
        authorization = basic(credentials.client_id, credentials.secret)
        both = await client.post("/auth/token", data=form, headers={"Authorization": authorization})
        assert_error_response(both, 400, "invalid_request")

    async def test_old_secret_is_refused_after_a_new_registration(
        self, client: AppClient, credentials: Credentials, session: WriteSession
    ) -> None:
        new_secret = (await register(session)).secret
        for secret, status in [(credentials.secret, 401), (new_secret, 200)]:
            assert_status(await request_token(client, basic(CLIENT_ID, secret)), status)

    @pytest.mark.committed
    async def test_concurrent_requests_use_no_connection_while_keys_load(
        self,
        app: FastAPI,
        settings: UsersSettings,
        database: IsolatedDatabase,
        credentials: Credentials,
    ) -> None:
        """More requests than connections, in a process that has yet to load the signing keys."""
        client = AppClient(app_transport(app, state=build_state(settings, database)))
        authorization = basic(credentials.client_id, credentials.secret)
        responses = await asyncio.gather(*(request_token(client, authorization) for _ in range(24)))
        assert [response.status_code for response in responses] == [200] * 24


class TestAudience:
    async def test_client_of_two_audiences_gets_the_one_that_it_asks_for(
        self, client: AppClient, two_audiences: Credentials
    ) -> None:
        authorization = basic(*astuple(two_audiences))
        for audience in ("shop", "stock"):
            response = await request_token(client, authorization, audience=audience)
            assert claims_of(response)["aud"] == audience

    async def test_client_of_two_audiences_without_audience_returns_invalid_target(
        self, client: AppClient, two_audiences: Credentials
    ) -> None:
        response = await request_token(client, basic(*astuple(two_audiences)))
        assert_error_response(response, 400, "invalid_target")

    @pytest.mark.parametrize("audience", ["users", "shop stock", "SHOP", " "])
    async def test_unregistered_audience_returns_invalid_target(
        self, client: AppClient, two_audiences: Credentials, audience: str
    ) -> None:
        response = await request_token(client, basic(*astuple(two_audiences)), audience=audience)
        assert_error_response(response, 400, "invalid_target")

    async def test_wrong_secret_is_reported_before_a_wrong_audience(
        self, client: AppClient, two_audiences: Credentials
    ) -> None:
        response = await request_token(client, basic(CLIENT_ID, "wrong"), audience="other")
        assert_error_response(response, 401, "invalid_client")


class TestScope:
    @pytest.mark.parametrize(
        ("asked", "granted"),
        [
            ({}, "shop:read shop:write"),
            ({"scope": "shop:write"}, "shop:write"),
            ({"scope": "shop:write shop:read"}, "shop:write shop:read"),
        ],
        ids=str,
    )
    async def test_granted_scope_is_the_requested_one_or_all(
        self, client: AppClient, two_audiences: Credentials, asked: dict[str, str], granted: str
    ) -> None:
        authorization = basic(*astuple(two_audiences))
        response = await request_token(client, authorization, audience="shop", **asked)
        assert claims_of(response)["scope"] == response.json()["scope"] == granted

    @pytest.mark.parametrize("scope", ["users:read", "shop:read users:read", "shop:READ", " "])
    async def test_unregistered_scope_returns_invalid_scope(
        self, client: AppClient, two_audiences: Credentials, scope: str
    ) -> None:
        authorization = basic(*astuple(two_audiences))
        response = await request_token(client, authorization, audience="shop", scope=scope)
        assert_error_response(response, 400, "invalid_scope")
