"""Who may do what: nobody, a user, another user, an administrator, at both services."""

from collections.abc import Callable

import pytest
from people import Person
from selling import put_up

from service_testing.assertions import (
    assert_error_response,
    assert_item_response,
    assert_paginated_response,
    assert_status,
    assert_user_response,
)
from service_testing.factories import create_item_data

NewPerson = Callable[[], Person]


def test_without_a_token_one_reads_items_and_nothing_else(
    anyone: Person, new_person: NewPerson
) -> None:
    location = put_up(new_person())
    assert_item_response(anyone.items.get(location))
    assert_paginated_response(anyone.items.get("/items/"))
    for refused in (
        anyone.items.post("/items/", json=create_item_data()),
        anyone.items.patch(location, json={"name": "Nobody's"}),
        anyone.items.delete(location),
        anyone.users.get("/users/me"),
        anyone.users.get("/users/1"),
        anyone.users.patch("/users/me", json={"name": "Nobody"}),
        anyone.users.delete("/users/me"),
        anyone.users.get("/admin/users/"),
    ):
        assert_error_response(refused, 401, "not_authenticated")
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("token", ["not-a-token", "a.b.c"])
def test_a_made_up_token_is_refused_by_both_services(anyone: Person, token: str) -> None:
    anyone.bear(token)
    refused = anyone.items.post("/items/", json=create_item_data())
    assert_error_response(refused, 401, "invalid_token")
    assert_error_response(anyone.users.get("/users/me"), 401, "invalid_token")


def test_only_owner_and_administrator_change_an_item(new_person: NewPerson, admin: Person) -> None:
    seller, stranger = new_person(), new_person()
    location = put_up(seller)
    refused = stranger.items.patch(location, json={"name": "Mine now"})
    assert_error_response(refused, 403, "forbidden")
    assert_error_response(stranger.items.delete(location), 403, "forbidden")
    edited = admin.items.patch(location, json={"name": "Renamed by the house"})
    assert assert_item_response(edited)["owner"]["id"] == seller.id
    assert_item_response(seller.items.patch(location, json={"name": "Mine"}), name="Mine")
    assert_status(admin.items.delete(location), 204)
    assert_error_response(seller.items.patch(location, json={"name": "Mine"}), 404, "not_found")
    assert_error_response(seller.items.delete(location), 404, "not_found")


def test_others_see_of_an_account_what_is_public_and_change_nothing(new_person: NewPerson) -> None:
    person, stranger = new_person(), new_person()
    seen = stranger.users.get(f"/users/{person.id}")
    assert_status(seen, 200)
    assert seen.json() == {"id": person.id, "name": person.data["name"], "is_active": True}
    account = f"/admin/users/{person.id}"
    for refused in (
        stranger.users.get("/admin/users/"),
        stranger.users.get(account),
        stranger.users.patch(account, json={"role": "admin"}),
        stranger.users.delete(account),
    ):
        assert_error_response(refused, 403, "forbidden")
    assert assert_user_response(person.users.get("/users/me"))["role"] == "user"


def test_a_new_administrator_is_one_and_a_former_one_is_none(
    new_person: NewPerson, admin: Person
) -> None:
    deputy = new_person()
    account = f"/admin/users/{deputy.id}"
    assert_user_response(admin.users.patch(account, json={"role": "admin"}))
    deputy.log_in()  # the role is in the token
    location = put_up(new_person())
    assert_item_response(deputy.items.patch(location, json={"name": "Seen by the deputy"}))
    assert_paginated_response(deputy.users.get("/admin/users/"))
    assert_user_response(admin.users.patch(account, json={"role": "user"}))
    assert_error_response(deputy.users.get("/admin/users/"), 403, "forbidden")
    deputy.log_in()
    refused = deputy.items.patch(location, json={"name": "Once more"})
    assert_error_response(refused, 403, "forbidden")


def test_who_does_not_exist_is_not_found(new_person: NewPerson, admin: Person) -> None:
    nobody = 2**62
    person = new_person()
    assert_error_response(person.users.get(f"/users/{nobody}"), 404, "not_found")
    assert_error_response(admin.users.get(f"/admin/users/{nobody}"), 404, "not_found")
    assert_error_response(person.items.get(f"/items/{nobody}"), 404, "not_found")
    none = person.items.get("/items/", params={"owner_id": nobody})
    assert_paginated_response(none, count=0, total=0)
