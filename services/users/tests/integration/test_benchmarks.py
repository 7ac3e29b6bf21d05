"""The time of the routes: `tox -e benchmarks`. An ordinary run of the tests calls each once.

Password hashing is as cheap as in the other tests.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service_testing.live_server import LiveServer
from tests.factories import create_user_data


@pytest.fixture
def signed_in(live_server: LiveServer) -> Iterator[httpx.Client]:
    """A blocking client, signed in to a new account."""
    with httpx.Client(base_url=live_server.url, trust_env=False) as client:
        data = create_user_data()
        client.post("/users/", json=data)
        form = {"username": data["email"], "password": data["password"]}
        token = client.post("/auth/token", data=form).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def test_register_a_user(benchmark: Any, signed_in: httpx.Client) -> None:
    def register() -> httpx.Response:
        return signed_in.post("/users/", json=create_user_data())

    # An address may create 100 accounts in ten minutes.
    assert benchmark.pedantic(register, rounds=80).status_code == 201


def test_read_the_own_account(benchmark: Any, signed_in: httpx.Client) -> None:
    assert benchmark(signed_in.get, "/users/me").status_code == 200


def test_update_the_own_account(benchmark: Any, signed_in: httpx.Client) -> None:
    names = iter(range(1_000_000))

    def rename() -> httpx.Response:
        return signed_in.patch("/users/me", json={"name": f"Ada {next(names)}"})

    assert benchmark(rename).status_code == 200


def test_request_without_work(benchmark: Any, signed_in: httpx.Client) -> None:
    assert benchmark(signed_in.get, "/health/live").status_code == 200
