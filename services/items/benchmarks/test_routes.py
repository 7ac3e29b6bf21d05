"""The time of the routes, to be saved and compared: `tox -e bench-routes`."""

from typing import Any

import httpx

from tests.factories import create_item_data


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


def test_health(benchmark: Any, signed_in: httpx.Client) -> None:
    """The time of a request without any work."""
    assert benchmark(signed_in.get, "/health/live").status_code == 200
