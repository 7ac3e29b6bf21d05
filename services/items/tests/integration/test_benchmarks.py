"""The time of the routes: `tox -e benchmarks`. An ordinary run of the tests calls each once."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service_testing.live_server import LiveServer
from tests.factories import create_item_data
from tests.fake_users import FakeUsers


@pytest.fixture
def signed_in(live_server: LiveServer, users: FakeUsers) -> Iterator[httpx.Client]:
    """A blocking client, signed in as user 1."""
    headers = {"Authorization": f"Bearer {users.add(user_id=1)}"}
    with httpx.Client(base_url=live_server.url, headers=headers, trust_env=False) as client:
        yield client


def test_create_item(benchmark: Any, signed_in: httpx.Client) -> None:
    body = create_item_data()
    assert benchmark(signed_in.post, "/items/", json=body).status_code == 201


def test_read_item(benchmark: Any, signed_in: httpx.Client) -> None:
    path = signed_in.post("/items/", json=create_item_data()).headers["Location"]
    assert benchmark(signed_in.get, path).status_code == 200


def test_list_items(benchmark: Any, signed_in: httpx.Client) -> None:
    for _ in range(20):
        signed_in.post("/items/", json=create_item_data())
    assert len(benchmark(signed_in.get, "/items/").json()["items"]) == 20


def test_request_without_work(benchmark: Any, signed_in: httpx.Client) -> None:
    assert benchmark(signed_in.get, "/health/live").status_code == 200
