"""What happens in users is seen in items: soon, surely, and whatever was down meanwhile."""

from collections.abc import Callable
from functools import partial

import pytest
from people import Person
from selling import owner_is, owns_nothing, put_up, rename
from stack import Service, Stack, wait_for

from service_testing.assertions import (
    assert_error_response,
    assert_item_response,
    assert_status,
)
from service_testing.factories import create_item_data

NewPerson = Callable[[], Person]


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


def test_a_change_keeps_its_identity_on_the_way_to_items(
    stack: Stack, new_person: NewPerson
) -> None:
    person = new_person()
    request_id, trace_id = f"e2e-{person.id}", "ab" * 16
    trace = f"00-{trace_id}-{'cd' * 8}-01"
    rename(person, "Ada King", **{"X-Request-ID": request_id, "traceparent": trace})
    line = f'"request_id": "{request_id}", "trace_id": "{trace_id}"'
    # The line is written after the answer has gone out.
    for service in stack.services:
        wait_for(partial(_logged, service, line), f"{service.name} to log the request")


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_change_that_was_acknowledged_arrives_though_users_is_killed(
    stack: Stack, new_person: NewPerson
) -> None:
    person = new_person()
    location = put_up(person)
    for number in range(3):
        rename(person, f"Ada {number}")
        stack.users.kill()
        stack.users.ensure_ready()
    wait_for(partial(owner_is, person, location, "Ada 2"), "the new name in items")


@pytest.mark.slow
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


def _logged(service: Service, line: str) -> bool:
    return line in service.log_text
