"""A user's HTTP clients for all services."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from service_testing.assertions import assert_status
from tests.e2e.factories import UserData, create_user_data
from tests.e2e.helpers import assert_user_response
from tests.e2e.request_log import RequestLog
from tests.e2e.stack import Service, Stack


class ApiClient:
    """One account and its tokens. It calls each service in the account's name: `client.items.get(...)`."""

    def __init__(self, stack: Stack, request_log: RequestLog, data: UserData) -> None:
        self.data = data
        self._clients = {each.name: request_log.client(each.url) for each in stack.services}
        self.id = 0
        self.refresh_token = ""

    def __getattr__(self, service: str) -> httpx.Client:
        try:
            return self._clients[service]
        except KeyError:
            raise AttributeError(f"there is no service {service}") from None

    def sign_in(self) -> None:
        form = {"username": self.data["email"], "password": self.data["password"]}
        self.use_tokens(self.users.post("/auth/token", data=form))
        self.id = assert_user_response(self.users.get("/users/me"))["id"]

    def use_tokens(self, response: httpx.Response) -> None:
        """Use the tokens of this response from now on."""
        assert_status(response, 200)
        tokens: dict[str, Any] = response.json()
        self.refresh_token = tokens["refresh_token"]
        self.use_access_token(tokens["access_token"])

    def use_access_token(self, access_token: str) -> None:
        for client in self._clients.values():
            client.headers["Authorization"] = f"Bearer {access_token}"

    def delete_account(self) -> httpx.Response:
        body = {"current_password": self.data["password"]}
        return self.users.post("/users/me/deletion", json=body)

    @property
    def headers(self) -> dict[str, str]:
        """For another client that calls in this account's name."""
        return {"Authorization": self.users.headers["Authorization"]}

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


def register_user(stack: Stack, request_log: RequestLog) -> ApiClient:
    """Register a new account and sign it in."""
    client = ApiClient(stack, request_log, create_user_data())
    assert_user_response(client.users.post("/users/", json=client.data), status=201)
    client.sign_in()
    return client


def register_accounts(users: Service, count: int, *, per_second: float = 0) -> None:
    """Register so many accounts in threads, or one after the other at a rate, and sign none in."""
    url, start = f"{users.url}/users/", time.monotonic()
    with ThreadPoolExecutor(8) as pool, httpx.Client(trust_env=False) as client:
        answers = []
        for number in range(count):
            if per_second:
                time.sleep(max(start + number / per_second - time.monotonic(), 0))
            answers.append(pool.submit(client.post, url, json=create_user_data()))
        for each in answers:
            assert_status(each.result(), 201)


def create_admin(stack: Stack) -> UserData:
    """Create an administrator on the command line, as an operator does."""
    data = create_user_data()
    options = ("--email", data["email"], "--name", data["name"])
    stack.users.command("create-admin", *options, USERS_ADMIN_PASSWORD=data["password"])
    return data


def sign_in(stack: Stack, request_log: RequestLog, data: UserData) -> ApiClient:
    """Sign in to an account that exists."""
    client = ApiClient(stack, request_log, data)
    client.sign_in()
    return client


def create_client(users: Service, name: str) -> dict[str, str]:
    """Register a service that reads users, on the command line; its `client_id` and `client_secret`."""
    grants = ("--audience", "users-internal", "--scope", "users:read")
    printed = users.command("create-client", name, *grants)
    return dict(line.split(": ", 1) for line in printed.splitlines())


NewUser = Callable[[], ApiClient]
"""The fixture `new_user`: it registers an account and signs it in."""
