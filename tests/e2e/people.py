"""Someone who uses the product over HTTP."""

from typing import Any

import httpx
from calls import CallLog
from stack import Stack

from service_testing.assertions import assert_status, assert_user_response
from service_testing.factories import UserData, create_user_data


class Person:
    """A registered account and its tokens. Calls either service in its own name."""

    def __init__(self, stack: Stack, calls: CallLog, data: UserData) -> None:
        self.data = data
        self.users = calls.client(stack.users.url)
        self.items = calls.client(stack.items.url)
        self.id = 0
        self.refresh_token = ""

    def log_in(self) -> None:
        form = {"username": self.data["email"], "password": self.data["password"]}
        self.use(self.users.post("/auth/token", data=form))
        self.id = assert_user_response(self.users.get("/users/me"))["id"]

    def use(self, response: httpx.Response) -> None:
        """Take the tokens that this response grants."""
        assert_status(response, 200)
        tokens: dict[str, Any] = response.json()
        self.refresh_token = tokens["refresh_token"]
        self.bear(tokens["access_token"])

    def bear(self, access_token: str) -> None:
        """Show this access token from now on."""
        for client in (self.users, self.items):
            client.headers["Authorization"] = f"Bearer {access_token}"

    @property
    def headers(self) -> dict[str, str]:
        """For another client that calls in this person's name."""
        return {"Authorization": self.users.headers["Authorization"]}

    def close(self) -> None:
        self.users.close()
        self.items.close()


def register(stack: Stack, calls: CallLog) -> Person:
    person = Person(stack, calls, create_user_data())
    assert_user_response(person.users.post("/users/", json=person.data), status=201)
    person.log_in()
    return person


def appoint_admin(stack: Stack, calls: CallLog) -> Person:
    """An administrator, as an operator makes one: on the command line."""
    data = create_user_data()
    stack.users.command(
        "create-admin",
        "--email",
        data["email"],
        "--name",
        data["name"],
        USERS_ADMIN_PASSWORD=data["password"],
    )
    person = Person(stack, calls, data)
    person.log_in()
    return person
