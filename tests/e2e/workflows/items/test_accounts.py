"""The life of an account, and its effect on items."""

from functools import partial

from service_testing.assertions import (
    assert_error_response,
    assert_paginated_response,
    assert_status,
)
from tests.e2e.clients import ApiClient, NewUser, register_user
from tests.e2e.helpers import assert_user_response
from tests.e2e.request_log import RequestLog
from tests.e2e.stack import Stack, wait_for
from tests.e2e.workflows.items.actions import create_items, has_no_items, rename_user
from tests.e2e.workflows.items.factories import create_item_data
from tests.e2e.workflows.items.helpers import assert_item_response


def test_account_is_registered_deleted_and_registered_again_with_the_same_email(
    stack: Stack, request_log: RequestLog, anonymous: ApiClient
) -> None:
    user = register_user(stack, request_log)
    taken = anonymous.users.post("/users/", json=user.data)
    assert_error_response(taken, 409, "email_taken")
    location = create_items(user, 3)
    rename_user(user, "Ada King")
    assert_status(user.delete_account(), 204)

    assert_error_response(user.users.get("/users/me"), 401, "invalid_token")
    refresh = user.users.post("/auth/refresh", json={"refresh_token": user.refresh_token})
    assert_error_response(refresh, 401, "invalid_refresh_token")
    form = {"username": user.data["email"], "password": user.data["password"]}
    assert_error_response(user.users.post("/auth/token", data=form), 401, "invalid_credentials")
    wait_for(partial(has_no_items, anonymous, user.id), "the items to be deleted")
    assert_error_response(anonymous.items.get(location), 404, "not_found")

    again = ApiClient(stack, request_log, user.data)
    assert_user_response(again.users.post("/users/", json=again.data), status=201)
    again.sign_in()
    # Tokens and events of the deleted account must not apply to the new one.
    assert again.id > user.id
    new_location = create_items(again)
    assert assert_item_response(anonymous.items.get(new_location))["owner"]["id"] == again.id
    assert has_no_items(anonymous, user.id)
    for each in (user, again):
        each.close()


def test_admin_deletes_an_account_with_many_items(
    new_user: NewUser, admin: ApiClient, anonymous: ApiClient
) -> None:
    owner = new_user()
    create_items(owner, 30)
    own = anonymous.items.get("/items/", params={"owner_id": owner.id})
    assert_paginated_response(own, total=30)
    found = admin.users.get("/admin/users/", params={"q": owner.data["email"].upper()})
    assert_paginated_response(found, count=1)
    assert_status(admin.users.delete(f"/admin/users/{owner.id}"), 204)
    assert_error_response(admin.users.get(f"/admin/users/{owner.id}"), 404, "not_found")
    wait_for(partial(has_no_items, anonymous, owner.id), "the items to be deleted")


def test_deactivated_user_is_refused_until_activated_again(
    new_user: NewUser, admin: ApiClient
) -> None:
    owner = new_user()
    location = create_items(owner)
    account = f"/admin/users/{owner.id}"
    assert_status(admin.users.patch(account, json={"is_active": False}), 200)
    assert_error_response(owner.users.get("/users/me"), 401, "invalid_token")

    def is_refused_with(code: str | None) -> bool:
        response = owner.items.post("/items/", json=create_item_data())
        return bool(response.json().get("error") == code)

    wait_for(partial(is_refused_with, "owner_inactive"), "items to know that the owner is inactive")
    assert_item_response(owner.items.get(location))  # existing items stay
    assert_status(admin.users.patch(account, json={"is_active": True}), 200)
    owner.sign_in()
    wait_for(partial(is_refused_with, None), "items to know that the owner is active again")
