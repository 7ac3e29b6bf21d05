"""`POST /auth/token` with `grant_type=client_credentials` and HTTP Basic (RFC 6749, 2.3.1 and 4.4)."""

import asyncio
import base64
from dataclasses import dataclass
from urllib.parse import quote_plus

import httpx
import jwt
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import ServiceClient
from app.service_clients import create_client
from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient, app_transport, as_user

CLIENT_ID = "a name: with + and %"


@dataclass(frozen=True)
class Credentials:
    client_id: str
    secret: str


@pytest.fixture
async def credentials(session: AsyncSession) -> Credentials:
    """A registered service, whose name shows whether it was decoded as a form's value is."""
    secret = await create_client(session, CLIENT_ID)
    await session.commit()
    return Credentials(CLIENT_ID, secret)


def basic(client_id: str, secret: str) -> str:
    raw = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(raw.encode()).decode()


async def request_token(client: AppClient, authorization: str | None) -> httpx.Response:
    headers = {"Authorization": authorization} if authorization is not None else {}
    data = {"grant_type": "client_credentials"}
    return await client.post("/auth/token", data=data, headers=headers)


class TestClientCredentials:
    async def test_client_credentials_without_any_are_refused(self, client: AppClient) -> None:
        response = await request_token(client, None)
        assert_error_response(response, 401, "invalid_client")
        assert response.headers["WWW-Authenticate"].startswith("Basic ")

    @pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
    async def test_client_credentials_get_a_token_of_their_own(
        self, client: AppClient, credentials: Credentials, scheme: str
    ) -> None:
        authorization = basic(credentials.client_id, credentials.secret)
        response = await request_token(client, authorization.replace("Basic", scheme))
        assert_status(response, 200)
        body = response.json()
        assert body.keys() == {"access_token", "token_type", "expires_in"}
        claims = jwt.decode(body["access_token"], options={"verify_signature": False})
        assert claims.keys() == {"iss", "sub", "aud", "iat", "exp", "jti"}
        assert claims["aud"] == "users-internal"
        assert claims["sub"] == CLIENT_ID

    async def test_client_credentials_token_is_no_user_s(
        self, client: AppClient, credentials: Credentials
    ) -> None:
        authorization = basic(credentials.client_id, credentials.secret)
        token = (await request_token(client, authorization)).json()["access_token"]
        response = await as_user(client, token).get("/users/me")
        assert_error_response(response, 401, "invalid_token")

    async def test_client_credentials_need_the_right_secret(
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
            "",
            "Basic",
            "Basic !!!!",
            "Basic YQ=",
            "Basic bm8gY29sb24=",
            "Basic /////w==",
            "Basic \xe9\xe9\xe9\xe9",
            "Bearer YTpi",
            basic("nul\0", "secret"),
            basic("items", "nul\0"),
            basic("surrogate %ud800 %ed%a0%80", "secret"),
            basic("i" * 5000, "s" * 5000),
        ],
        ids=lambda value: ascii(value)[:30],
    )
    async def test_client_credentials_that_are_malformed_are_refused(
        self, client: AppClient, authorization: str
    ) -> None:
        response = await client.post(
            "/auth/token",
            data={"grant_type": "client_credentials"},
            headers=[(b"Authorization", authorization.encode("latin-1"))],
        )
        assert_error_response(response, 401, "invalid_client")

    @pytest.mark.parametrize("encoded", ["%00", "items%00", "%ff", "%ed%a0%80", "%"])
    async def test_client_credentials_that_no_database_looks_up_are_refused(
        self, client: AppClient, encoded: str
    ) -> None:
        value = base64.b64encode(f"{encoded}:{encoded}".encode()).decode()
        response = await request_token(client, f"Basic {value}")
        assert_error_response(response, 401, "invalid_client")

    async def test_client_credentials_of_a_form_are_not_taken(
        self, client: AppClient, credentials: Credentials
    ) -> None:
        response = await client.post(
            "/auth/token",
            data={
                "grant_type": "client_credentials",
                "client_id": credentials.client_id,
                "client_secret": credentials.secret,
            },
        )
        assert_error_response(response, 401, "invalid_client")

    async def test_client_credentials_stop_working_with_a_new_secret(
        self, client: AppClient, credentials: Credentials, session: AsyncSession
    ) -> None:
        new_secret = await create_client(session, CLIENT_ID)
        await session.commit()
        for secret, status in [(credentials.secret, 401), (new_secret, 200)]:
            assert_status(await request_token(client, basic(CLIENT_ID, secret)), status)

    async def test_client_credentials_are_stored_as_a_hash(
        self, credentials: Credentials, session: AsyncSession
    ) -> None:
        stored = (await session.scalars(select(ServiceClient))).one()
        assert stored.client_id == CLIENT_ID
        assert credentials.secret not in stored.secret_hash

    @pytest.mark.committed
    async def test_client_credentials_in_great_number_hold_no_connection_each(
        self, own_app: FastAPI, credentials: Credentials
    ) -> None:
        """More than connections, in a process that has yet to load the signing keys."""
        client = AppClient(app_transport(own_app))
        authorization = basic(credentials.client_id, credentials.secret)
        responses = await asyncio.gather(*(request_token(client, authorization) for _ in range(24)))
        assert [response.status_code for response in responses] == [200] * 24
