"""Paging while others write: no row that exists throughout is missed or returned twice."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from service_testing.assertions import assert_paginated_response, assert_status
from tests.e2e.clients import ApiClient, NewUser
from tests.e2e.request_log import RequestLog
from tests.e2e.stack import Stack
from tests.e2e.workflows.items.factories import create_item_data
from tests.e2e.workflows.items.helpers import assert_item_response

_ITEMS = 60
_SORTS = ("created_at", "-created_at", "price", "-price", "name", "-name")


@pytest.fixture
def owner(new_user: NewUser) -> ApiClient:
    return new_user()


def create_similar_items(owner: ApiClient) -> set[int]:
    """Items that share few prices and names: a cursor has to tell equal ones apart."""
    bodies = [
        create_item_data(name=f"Item {number % 7}", price=f"{number % 5}.00")
        for number in range(_ITEMS)
    ]
    created = [owner.items.post("/items/", json=body) for body in bodies]
    return {assert_item_response(response, status=201)["id"] for response in created}


@contextmanager
def concurrent_writes(owner: ApiClient) -> Iterator[None]:
    """Create and delete items of the same owner during the block."""
    end = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            while not end.is_set():
                body = create_item_data(name="Item 3", price="2.00")
                created = owner.items.post("/items/", json=body)
                assert_item_response(created, status=201)
                assert_status(owner.items.delete(created.headers["Location"]), 204)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        end.set()
        writer.join()
    assert failures == []


def all_item_ids(reader: ApiClient, owner_id: int, sort: str, size: int = 7) -> Iterator[int]:
    """The ids on all pages, read with the cursor."""
    own: dict[str, str | int] = {"owner_id": owner_id, "sort": sort, "size": size}
    page = assert_paginated_response(reader.items.get("/items/", params=own))
    while True:
        yield from (item["id"] for item in page["items"])
        if page["next"] is None:
            return
        next_page = reader.items.get("/items/", params={**own, "after": page["next"]})
        page = assert_paginated_response(next_page)


def test_cursor_returns_each_item_once_during_writes(
    owner: ApiClient, anonymous: ApiClient, stack: Stack, request_log: RequestLog
) -> None:
    created = create_similar_items(owner)
    with concurrent_writes(owner):
        for sort in _SORTS:
            seen = Counter(all_item_ids(anonymous, owner.id, sort))
            assert {each for each in created if seen[each] != 1} == set(), sort
            assert max(seen.values()) == 1, sort
