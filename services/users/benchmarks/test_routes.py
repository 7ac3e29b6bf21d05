"""How long the routes take, to be saved and compared: `tox -e bench-routes`.

Password hashing is as cheap as in the tests: these show the routes around it.
"""

from typing import Any

import httpx

from tests.factories import create_user_data


def test_register(benchmark: Any, signed_in: httpx.Client) -> None:
    def register() -> httpx.Response:
        return signed_in.post("/users/", json=create_user_data())

    assert benchmark(register).status_code == 201


def test_read_me(benchmark: Any, signed_in: httpx.Client) -> None:
    assert benchmark(signed_in.get, "/users/me").status_code == 200


def test_update_me(benchmark: Any, signed_in: httpx.Client) -> None:
    names = iter(range(1_000_000))

    def rename() -> httpx.Response:
        return signed_in.patch("/users/me", json={"name": f"Ada {next(names)}"})

    assert benchmark(rename).status_code == 200


def test_health(benchmark: Any, signed_in: httpx.Client) -> None:
    """The way to the app and back: what the other routes can't be faster than."""
    assert benchmark(signed_in.get, "/health/live").status_code == 200
