"""Logins and their refresh tokens, as a client of the service has them."""

from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient
from tests.accounts import Account


async def log_in(client: AppClient, account: Account, password: str | None = None) -> str:
    """Sign in; the refresh token."""
    form = {"username": account.email, "password": password or account.password}
    response = await client.post("/auth/token", data=form)
    assert_status(response, 200)
    return str(response.json()["refresh_token"])


async def refresh(client: AppClient, refresh_token: str) -> str:
    """Use the token up; the next one."""
    response = await client.post("/auth/refresh", json={"refresh_token": refresh_token})
    assert_status(response, 200)
    return str(response.json()["refresh_token"])


async def assert_ended(client: AppClient, refresh_token: str) -> None:
    """The token is good for nothing any more."""
    __tracebackhide__ = True
    response = await client.post("/auth/refresh", json={"refresh_token": refresh_token})
    assert_error_response(response, 401, "invalid_refresh_token")
