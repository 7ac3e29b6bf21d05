"""The tests' own service, on a real socket."""

from collections.abc import Iterator

import httpx
import pytest

from service_testing.live_server import LiveServer
from tests.conftest import service, settings
from tests.factories import create_user_data

__all__ = ["service", "settings"]


@pytest.fixture
def signed_in(live_server: LiveServer) -> Iterator[httpx.Client]:
    """A client that waits for each answer, signed in to an account."""
    with httpx.Client(base_url=live_server.url, trust_env=False) as client:
        data = create_user_data()
        client.post("/users/", json=data)
        form = {"username": data["email"], "password": data["password"]}
        token = client.post("/auth/token", data=form).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client
