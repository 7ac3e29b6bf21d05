"""The main workflows of users and administrators, over HTTP through both services."""

from service_testing.assertions import (
    assert_error_response,
    assert_paginated_response,
    assert_status,
)
from tests.e2e.clients import NewUser
from tests.e2e.workflows.items.factories import create_item_data
from tests.e2e.workflows.items.helpers import assert_item_response


def test_user_creates_finds_edits_and_deletes_items(new_user: NewUser) -> None:
    owner = new_user()
    kettle = create_item_data(name="Green kettle", price="19.90")
    created = owner.items.post("/items/", json=kettle)
    item = assert_item_response(created, status=201, name="Green kettle")
    assert item["owner"] == {"id": owner.id, "name": owner.data["name"]}
    for _ in range(2):
        assert_item_response(owner.items.post("/items/", json=create_item_data()), status=201)

    own = {"owner_id": owner.id, "size": 2}
    page = assert_paginated_response(owner.items.get("/items/", params=own), count=2, total=3)
    rest = owner.items.get("/items/", params={**own, "after": page["next"]})
    assert assert_paginated_response(rest, count=1)["next"] is None
    found = owner.items.get("/items/", params={"q": "KETTLE", "owner_id": owner.id})
    assert assert_paginated_response(found, count=1)["items"][0]["id"] == item["id"]

    location, etag = created.headers["Location"], created.headers["ETag"]
    edited = owner.items.patch(location, json={"price": 17.5}, headers={"If-Match": etag})
    assert assert_item_response(edited)["price"] == "17.50"
    stale = owner.items.patch(location, json={"price": 1}, headers={"If-Match": etag})
    assert_error_response(stale, 412, "precondition_failed")
    fresh = {"If-None-Match": edited.headers["ETag"]}
    assert_status(owner.items.get(location, headers=fresh), 304)
    assert_status(owner.items.delete(location), 204)
    assert_error_response(owner.items.get(location), 404, "not_found")
