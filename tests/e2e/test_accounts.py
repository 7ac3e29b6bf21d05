"""An account from its beginning to its end, and what that leaves at items."""

from collections.abc import Callable
from functools import partial

from calls import CallLog
from people import Person, register
from selling import owns_nothing, put_up, rename
from stack import Stack, wait_for

from service_testing.assertions import (
    assert_error_response,
    assert_item_response,
    assert_paginated_response,
    assert_status,
    assert_user_response,
)
from service_testing.factories import create_item_data

NewPerson = Callable[[], Person]


def test_from_registration_to_deletion_and_a_second_life_under_the_same_address(
    stack: Stack, calls: CallLog, anyone: Person
) -> None:
    person = register(stack, calls)
    taken = anyone.users.post("/users/", json=person.data)
    assert_error_response(taken, 409, "email_taken")
    location = put_up(person, 3)
    rename(person, "Ada King")
    assert_status(person.users.delete("/users/me"), 204)

    assert_error_response(person.users.get("/users/me"), 401, "invalid_token")
    refresh = person.users.post("/auth/refresh", json={"refresh_token": person.refresh_token})
    assert_error_response(refresh, 401, "invalid_refresh_token")
    form = {"username": person.data["email"], "password": person.data["password"]}
    assert_error_response(person.users.post("/auth/token", data=form), 401, "invalid_credentials")
    wait_for(partial(owns_nothing, anyone, person.id), "the items to be deleted")
    assert_error_response(anyone.items.get(location), 404, "not_found")

    again = Person(stack, calls, person.data)
    assert_user_response(again.users.post("/users/", json=again.data), status=201)
    again.log_in()
    # A former account's tokens and events must not pass to the newcomer.
    assert again.id > person.id
    new_location = put_up(again)
    assert assert_item_response(anyone.items.get(new_location))["owner"]["id"] == again.id
    assert owns_nothing(anyone, person.id)
    for each in (person, again):
        each.close()


def test_an_administrator_deletes_an_account_with_many_items(
    new_person: NewPerson, admin: Person, anyone: Person
) -> None:
    seller = new_person()
    put_up(seller, 30)
    own = anyone.items.get("/items/", params={"owner_id": seller.id})
    assert_paginated_response(own, total=30)
    assert_status(admin.users.delete(f"/admin/users/{seller.id}"), 204)
    assert_error_response(admin.users.get(f"/admin/users/{seller.id}"), 404, "not_found")
    wait_for(partial(owns_nothing, anyone, seller.id), "the items to be deleted")


def test_a_deactivated_user_can_do_nothing_until_activated_again(
    new_person: NewPerson, admin: Person
) -> None:
    seller = new_person()
    location = put_up(seller)
    account = f"/admin/users/{seller.id}"
    assert_status(admin.users.patch(account, json={"is_active": False}), 200)
    assert_error_response(seller.users.get("/users/me"), 401, "invalid_token")

    def refused_as(code: str | None) -> bool:
        response = seller.items.post("/items/", json=create_item_data())
        return bool(response.json().get("error") == code)

    wait_for(partial(refused_as, "owner_inactive"), "items to know that the seller is inactive")
    assert_item_response(seller.items.get(location))  # what is up stays up
    assert_status(admin.users.patch(account, json={"is_active": True}), 200)
    seller.log_in()
    wait_for(partial(refused_as, None), "items to know that the seller is active again")
