"""What happens in users is seen in items: soon, surely, and whatever was down meanwhile."""

from collections.abc import Callable
from functools import partial

import pytest
from people import Person
from processes import Service, Stack, wait_for

from service_testing.assertions import (
    assert_error_response,
    assert_item_response,
    assert_paginated_response,
    assert_status,
    assert_user_response,
)
from service_testing.factories import create_item_data

NewPerson = Callable[[], Person]


def put_up(seller: Person, count: int = 1) -> str:
    """So many items of this seller's; the address of one."""
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


def test_a_rename_is_seen_in_items(new_person: NewPerson) -> None:
    seller = new_person()
    location = put_up(seller)
    before = seller.items.get(location).headers["ETag"]
    rename(seller, "Ada King")
    wait_for(partial(owner_is, seller, location, "Ada King"), "the new name in items")
    assert seller.items.get(location).headers["ETag"] != before


def test_the_deletion_of_a_user_deletes_their_items(new_person: NewPerson) -> None:
    seller, other = new_person(), new_person()
    location, kept = put_up(seller, 3), put_up(other)
    assert_status(seller.users.delete("/users/me"), 204)
    wait_for(partial(owns_nothing, other, seller.id), "the items to be deleted")
    assert_error_response(other.items.get(location), 404, "not_found")
    # The token is good for some minutes more, but there is nobody any more who could own anything.
    refused = seller.items.post("/items/", json=create_item_data())
    assert_error_response(refused, 403, "owner_gone")
    assert_item_response(other.items.get(kept))


def test_a_deactivated_user_puts_up_nothing_new(new_person: NewPerson, admin: Person) -> None:
    seller = new_person()
    location = put_up(seller)
    account = f"/admin/users/{seller.id}"
    assert_status(admin.users.patch(account, json={"is_active": False}), 200)

    def is_refused() -> bool:
        response = seller.items.post("/items/", json=create_item_data())
        return bool(response.status_code == 403 and response.json()["error"] == "owner_inactive")

    wait_for(is_refused, "items to know that the seller is inactive")
    assert_item_response(seller.items.get(location))


def test_a_change_keeps_its_identity_on_the_way_to_items(new_person: NewPerson) -> None:
    person = new_person()
    request_id, trace_id = f"e2e-{person.id}", "ab" * 16
    trace = f"00-{trace_id}-{'cd' * 8}-01"
    rename(person, "Ada King", **{"X-Request-ID": request_id, "traceparent": trace})
    line = f'"request_id": "{request_id}", "trace_id": "{trace_id}"'
    # The line is written after the answer has gone out.
    for service in person.stack.services:
        wait_for(partial(_logged, service, line), f"{service.name} to log the request")


@pytest.mark.parametrize("ends", ["kill", "stop"])
def test_changes_while_items_is_away_arrive_when_it_is_back(
    stack: Stack, new_person: NewPerson, ends: str
) -> None:
    renamed, deleted = new_person(), new_person()
    location, gone = put_up(renamed), put_up(deleted, 2)
    getattr(stack.items, ends)()
    rename(renamed, "Ada")
    rename(renamed, "Ada King")
    assert_status(deleted.users.delete("/users/me"), 204)
    stack.items.ensure_ready()
    wait_for(partial(owner_is, renamed, location, "Ada King"), "the new name in items")
    wait_for(partial(owns_nothing, renamed, deleted.id), "the items to be deleted")
    assert_error_response(renamed.items.get(gone), 404, "not_found")


def test_a_change_that_was_acknowledged_arrives_though_users_is_killed(
    stack: Stack, new_person: NewPerson
) -> None:
    person = new_person()
    location = put_up(person)
    for number in range(5):
        rename(person, f"Ada {number}")
        stack.users.kill()
        stack.users.ensure_ready()
    wait_for(partial(owner_is, person, location, "Ada 4"), "the new name in items")


def _logged(service: Service, line: str) -> bool:
    return line in service.log_text


def test_a_resync_reads_everyone_while_both_services_run(
    stack: Stack, new_person: NewPerson
) -> None:
    seller = new_person()
    location = put_up(seller)
    printed = stack.users.command("create-client", "items")
    credentials = dict(line.split(": ", 1) for line in printed.splitlines())
    said = stack.items.command(
        "resync",
        ITEMS_USERS_CLIENT_ID=credentials["client_id"],
        ITEMS_USERS_CLIENT_SECRET=credentials["client_secret"],
    )
    assert said.startswith("Read ")
    assert said.endswith(" 0 deleted.\n")
    assert_item_response(seller.items.get(location))
