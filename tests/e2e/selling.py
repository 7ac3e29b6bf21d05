"""What sellers do, again and again, in several workflows."""

from people import Person

from service_testing.assertions import (
    assert_error_response,
    assert_item_response,
    assert_paginated_response,
    assert_user_response,
)
from service_testing.factories import create_item_data


def put_up(seller: Person, count: int = 1) -> str:
    """So many items of this seller's; the address of the first."""
    created = [seller.items.post("/items/", json=create_item_data()) for _ in range(count)]
    for response in created:
        assert_item_response(response, status=201)
    return str(created[0].headers["Location"])


def rename(person: Person, name: str, **headers: str) -> None:
    response = person.users.patch("/users/me", json={"name": name}, headers=headers)
    assert assert_user_response(response)["name"] == name


def owner_is(person: Person, location: str, name: str) -> bool:
    return bool(person.items.get(location).json()["owner"]["name"] == name)


def owns_nothing(person: Person, owner_id: int) -> bool:
    own = {"owner_id": owner_id}
    return bool(assert_paginated_response(person.items.get("/items/", params=own))["total"] == 0)


def can_put_up(seller: Person) -> bool:
    """Whether items takes an item; False while it says that users is away."""
    response = seller.items.post("/items/", json=create_item_data())
    if response.status_code == 503:
        assert_error_response(response, 503, "users_unavailable")
        return False
    assert_item_response(response, status=201)
    return True
