"""Assertions about the responses of this service, and steps that many tests take."""

from typing import Any

import httpx
import jwt

from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient
from tests.factories import Account

USER_FIELDS = {"id", "email", "email_verified", "name", "role", "is_active", "created_at"}


def assert_user_response(
    response: httpx.Response, *, status: int = 200, email: str | None = None
) -> dict[str, Any]:
    """The body is a user's own view: exactly the published fields, so no password and no hash."""
    __tracebackhide__ = True
    assert_status(response, status)
    body: dict[str, Any] = response.json()
    assert set(body) == USER_FIELDS, response.text
    if email is not None:
        assert body["email"] == email, response.text
    return body


def claims_of(access_token: str) -> dict[str, Any]:
    """The claims of a token, which isn't verified."""
    claims: dict[str, Any] = jwt.decode(access_token, options={"verify_signature": False})
    return claims


async def sign_in(
    client: AppClient, account: Account, *, password: str | None = None, **headers: str
) -> dict[str, Any]:
    """The body of the response: the tokens of a new session."""
    form = {"username": account.email, "password": password or account.password}
    response = await client.post("/auth/token", data=form, headers=headers)
    assert_status(response, 200)
    tokens: dict[str, Any] = response.json()
    return tokens


async def log_in(client: AppClient, account: Account, *, password: str | None = None) -> str:
    """Sign in. Returns the refresh token."""
    return str((await sign_in(client, account, password=password))["refresh_token"])


async def refresh(client: AppClient, refresh_token: str) -> str:
    """Use a refresh token. Returns the next one."""
    response = await client.post("/auth/refresh", json={"refresh_token": refresh_token})
    assert_status(response, 200)
    return str(response.json()["refresh_token"])


async def assert_login_ended(client: AppClient, refresh_token: str) -> None:
    """The refresh token is refused."""
    __tracebackhide__ = True
    response = await client.post("/auth/refresh", json={"refresh_token": refresh_token})
    assert_error_response(response, 401, "invalid_refresh_token")


async def delete_me(client: AppClient, account: Account) -> httpx.Response:
    """Delete an account as its signed-in holder."""
    body = {"current_password": account.password}
    return await client.post("/users/me/deletion", json=body)


def email_change(account: Account, email: str) -> dict[str, str]:
    """The body of a PATCH that changes the e-mail address."""
    return {"email": email, "current_password": account.password}
