"""Changes in users reach items, also after an outage of either service."""

from functools import partial

import pytest

from service_testing.assertions import assert_error_response, assert_status
from tests.e2e.clients import NewUser, create_client
from tests.e2e.stack import Service, Stack, wait_for
from tests.e2e.workflows.items.actions import create_items, has_no_items, owner_is, rename_user
from tests.e2e.workflows.items.factories import create_item_data
from tests.e2e.workflows.items.helpers import assert_item_response


def test_renamed_user_is_renamed_in_items(new_user: NewUser) -> None:
    owner = new_user()
    location = create_items(owner)
    before = owner.items.get(location).headers["ETag"]
    rename_user(owner, "Ada King")
    wait_for(partial(owner_is, owner, location, "Ada King"), "the new name in items")
    assert owner.items.get(location).headers["ETag"] != before


def test_deleted_user_loses_all_items(new_user: NewUser) -> None:
    owner, other = new_user(), new_user()
    location, kept = create_items(owner, 3), create_items(other)
    assert_status(owner.delete_account(), 204)
    wait_for(partial(has_no_items, other, owner.id), "the items to be deleted")
    assert_error_response(other.items.get(location), 404, "not_found")
    # The token is valid for some more minutes, but its user is deleted.
    refused = owner.items.post("/items/", json=create_item_data())
    assert_error_response(refused, 403, "owner_gone")
    assert_item_response(other.items.get(kept))


def test_request_id_and_trace_id_reach_items_with_the_event(
    stack: Stack, new_user: NewUser
) -> None:
    user = new_user()
    request_id, trace_id = f"e2e-{user.id}", "ab" * 16
    trace = f"00-{trace_id}-{'cd' * 8}-01"
    rename_user(user, "Ada King", **{"X-Request-ID": request_id, "traceparent": trace})
    line = f'"request_id": "{request_id}", "trace_id": "{trace_id}"'
    # The line is written after the response.
    for service in stack.services:
        wait_for(partial(_logged, service, line), f"{service.name} to log the request")


@pytest.mark.slow
@pytest.mark.parametrize("ends", ["kill", "stop"])
def test_changes_during_an_outage_of_items_arrive_afterwards(
    stack: Stack, new_user: NewUser, ends: str
) -> None:
    renamed, deleted = new_user(), new_user()
    location, gone = create_items(renamed), create_items(deleted, 2)
    getattr(stack.items, ends)()
    rename_user(renamed, "Ada")
    rename_user(renamed, "Ada King")
    assert_status(deleted.delete_account(), 204)
    stack.items.ensure_ready()
    wait_for(partial(owner_is, renamed, location, "Ada King"), "the new name in items")
    wait_for(partial(has_no_items, renamed, deleted.id), "the items to be deleted")
    assert_error_response(renamed.items.get(gone), 404, "not_found")


@pytest.mark.slow
def test_acknowledged_change_arrives_although_users_is_killed(
    stack: Stack, new_user: NewUser
) -> None:
    user = new_user()
    location = create_items(user)
    for number in range(3):
        rename_user(user, f"Ada {number}")
        stack.users.kill()
        stack.users.ensure_ready()
    wait_for(partial(owner_is, user, location, "Ada 2"), "the new name in items")


@pytest.mark.slow
def test_resync_reads_all_users_while_both_services_run(stack: Stack, new_user: NewUser) -> None:
    owner = new_user()
    location = create_items(owner)
    credentials = create_client(stack.users, "items")
    output = stack.items.command(
        "resync",
        ITEMS_USERS_CLIENT_ID=credentials["client_id"],
        ITEMS_USERS_CLIENT_SECRET=credentials["client_secret"],
    )
    assert output.startswith("Read ")
    assert output.endswith(" 0 deleted.\n")
    assert_item_response(owner.items.get(location))


def _logged(service: Service, line: str) -> bool:
    return line in service.log_text
