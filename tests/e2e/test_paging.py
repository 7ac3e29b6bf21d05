"""Through all pages while others write: no row that was there throughout is missed or seen twice."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from calls import CallLog
from people import Person, register
from stack import Stack

from service_testing.assertions import (
    assert_item_response,
    assert_paginated_response,
    assert_status,
)
from service_testing.factories import create_item_data

NewPerson = Callable[[], Person]
_ITEMS = 60
_SORTS = ("created_at", "-created_at", "price", "-price", "name", "-name")


@pytest.fixture
def seller(new_person: NewPerson) -> Person:
    return new_person()


def put_up_many(seller: Person, count: int = _ITEMS) -> set[int]:
    """Items with few prices and names: a cursor has to tell equal ones apart."""
    bodies = [
        create_item_data(name=f"Item {number % 7}", price=f"{number % 5}.00")
        for number in range(count)
    ]
    created = [seller.items.post("/items/", json=body) for body in bodies]
    return {assert_item_response(response, status=201)["id"] for response in created}


@contextmanager
def busy(seller: Person) -> Iterator[None]:
    """Puts items up and takes them down all the while, among those of the same seller."""
    end = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            while not end.is_set():
                body = create_item_data(name="Item 3", price="2.00")
                created = seller.items.post("/items/", json=body)
                assert_item_response(created, status=201)
                assert_status(seller.items.delete(created.headers["Location"]), 204)
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


def walk(reader: Person, owner_id: int, sort: str, size: int = 7) -> Iterator[int]:
    """The ids on all pages, by the cursor."""
    own: dict[str, str | int] = {"owner_id": owner_id, "sort": sort, "size": size}
    page = assert_paginated_response(reader.items.get("/items/", params=own))
    while True:
        yield from (item["id"] for item in page["items"])
        if page["next"] is None:
            return
        next_page = reader.items.get("/items/", params={**own, "after": page["next"]})
        page = assert_paginated_response(next_page)


def test_a_cursor_meets_each_item_once_while_writes_go_on(
    seller: Person, anyone: Person, stack: Stack, calls: CallLog
) -> None:
    there_throughout = put_up_many(seller)
    with busy(seller):
        for sort in _SORTS:
            seen = Counter(walk(anyone, seller.id, sort))
            assert {each for each in there_throughout if seen[each] != 1} == set(), sort
            assert max(seen.values()) == 1, sort


def test_numbered_pages_hold_each_item_once_and_the_sums_are_right(
    seller: Person, anyone: Person
) -> None:
    there = put_up_many(seller, 25)
    seen: list[int] = []
    for number in range(1, 5):
        params: dict[str, int] = {"owner_id": seller.id, "size": 7, "page": number}
        page = assert_paginated_response(
            anyone.items.get("/items/", params=params), total=25, page=number
        )
        assert (page["pages"], page["total_is_exact"]) == (4, True)
        seen += [item["id"] for item in page["items"]]
    assert sorted(seen) == sorted(there)
    beyond = anyone.items.get("/items/", params={"owner_id": seller.id, "size": 7, "page": 5})
    assert_paginated_response(beyond, count=0, total=25)


@pytest.mark.slow
def test_a_cursor_through_the_accounts_meets_each_once_while_others_register(
    admin: Person, stack: Stack, calls: CallLog
) -> None:
    def account() -> int:
        person = register(stack, calls)
        person.close()
        return person.id

    there = {account() for _ in range(12)}
    seen: Counter[int] = Counter()
    after: dict[str, str] = {}
    while True:
        page = assert_paginated_response(
            admin.users.get("/admin/users/", params={"size": "5", **after})
        )
        seen.update(user["id"] for user in page["items"])
        account()
        # Newcomers may be before or behind the cursor. Ids rise, so behind it there is an end of them.
        if page["next"] is None or there <= seen.keys():
            break
        after = {"after": page["next"]}
    assert {each for each in there if seen[each] != 1} == set()
    assert max(seen.values()) == 1
