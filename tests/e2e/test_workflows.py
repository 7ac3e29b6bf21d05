"""What people come for, from end to end, over HTTP against both services."""

from collections.abc import Callable

from people import Person

from service_testing.assertions import (
    assert_error_response,
    assert_item_response,
    assert_paginated_response,
    assert_status,
    assert_user_response,
)
from service_testing.factories import create_item_data

NewPerson = Callable[[], Person]


def test_a_seller_puts_items_up_finds_and_edits_them(new_person: NewPerson) -> None:
    seller = new_person()
    kettle = create_item_data(name="Green kettle", price="19.90")
    created = seller.items.post("/items/", json=kettle)
    item = assert_item_response(created, status=201, name="Green kettle")
    assert item["owner"] == {"id": seller.id, "name": seller.data["name"]}
    for _ in range(2):
        assert_item_response(seller.items.post("/items/", json=create_item_data()), status=201)

    own = {"owner_id": seller.id, "size": 2}
    page = assert_paginated_response(seller.items.get("/items/", params=own), count=2, total=3)
    rest = seller.items.get("/items/", params={**own, "after": page["next"]})
    assert assert_paginated_response(rest, count=1)["next"] is None
    found = seller.items.get("/items/", params={"q": "KETTLE", "owner_id": seller.id})
    assert assert_paginated_response(found, count=1)["items"][0]["id"] == item["id"]

    location, etag = created.headers["Location"], created.headers["ETag"]
    edited = seller.items.patch(location, json={"price": 17.5}, headers={"If-Match": etag})
    assert assert_item_response(edited)["price"] == "17.50"
    stale = seller.items.patch(location, json={"price": 1}, headers={"If-Match": etag})
    assert_error_response(stale, 412, "precondition_failed")
    fresh = {"If-None-Match": edited.headers["ETag"]}
    assert_status(seller.items.get(location, headers=fresh), 304)
    assert_status(seller.items.delete(location), 204)
    assert_error_response(seller.items.get(location), 404, "not_found")


def test_an_administrator_manages_accounts(new_person: NewPerson, admin: Person) -> None:
    someone = new_person()
    account = f"/admin/users/{someone.id}"
    assert_error_response(someone.users.get(account), 403, "forbidden")
    found = admin.users.get("/admin/users/", params={"q": someone.data["email"].upper()})
    assert_paginated_response(found, count=1)

    changed = admin.users.patch(account, json={"is_active": False})
    assert assert_user_response(changed)["is_active"] is False
    assert_error_response(someone.users.get("/users/me"), 401, "invalid_token")
    assert_status(admin.users.delete(account), 204)
    assert_error_response(admin.users.get(account), 404, "not_found")
