"""Steps and questions that several workflows share."""

from service_testing.assertions import assert_error_response, assert_paginated_response
from tests.e2e.clients import ApiClient
from tests.e2e.helpers import assert_user_response
from tests.e2e.workflows.items.factories import create_item_data
from tests.e2e.workflows.items.helpers import assert_item_response


def create_items(owner: ApiClient, count: int = 1) -> str:
    """Create so many items of this owner and return the location of the first."""
    created = [owner.items.post("/items/", json=create_item_data()) for _ in range(count)]
    for response in created:
        assert_item_response(response, status=201)
    return str(created[0].headers["Location"])


def rename_user(client: ApiClient, name: str, **headers: str) -> None:
    response = client.users.patch("/users/me", json={"name": name}, headers=headers)
    assert assert_user_response(response)["name"] == name


def owner_is(client: ApiClient, location: str, name: str) -> bool:
    return bool(client.items.get(location).json()["owner"]["name"] == name)


def has_no_items(client: ApiClient, owner_id: int) -> bool:
    page = client.items.get("/items/", params={"owner_id": owner_id})
    return bool(assert_paginated_response(page)["total"] == 0)


def can_create_item(owner: ApiClient) -> bool:
    """Whether items accepts an item; False while it answers that users is unavailable."""
    response = owner.items.post("/items/", json=create_item_data())
    if response.status_code == 503:
        assert_error_response(response, 503, "users_unavailable")
        return False
    assert_item_response(response, status=201)
    return True
