"""Permissions of anonymous clients, users, other users and administrators at both services."""

from service_testing.assertions import (
    assert_error_response,
    assert_paginated_response,
    assert_status,
)
from tests.e2e.clients import ApiClient, NewUser
from tests.e2e.helpers import assert_user_response
from tests.e2e.workflows.items.actions import create_items
from tests.e2e.workflows.items.factories import create_item_data
from tests.e2e.workflows.items.helpers import assert_item_response


def test_anonymous_client_can_only_read_items(anonymous: ApiClient, new_user: NewUser) -> None:
    location = create_items(new_user())
    assert_item_response(anonymous.items.get(location))
    assert_paginated_response(anonymous.items.get("/items/"))
    for refused in (
        anonymous.items.post("/items/", json=create_item_data()),
        anonymous.items.patch(location, json={"name": "Not mine"}),
        anonymous.items.delete(location),
        anonymous.users.get("/users/me"),
        anonymous.users.get("/users/1"),
        anonymous.users.patch("/users/me", json={"name": "Anonymous"}),
        anonymous.users.delete("/users/me"),
        anonymous.users.post("/users/me/deletion", json={"current_password": "x"}),
        anonymous.users.get("/admin/users/"),
    ):
        assert_error_response(refused, 401, "not_authenticated")
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_only_owner_and_admin_can_change_an_item(new_user: NewUser, admin: ApiClient) -> None:
    owner, stranger = new_user(), new_user()
    location = create_items(owner)
    refused = stranger.items.patch(location, json={"name": "Mine now"})
    assert_error_response(refused, 403, "forbidden")
    assert_error_response(stranger.items.delete(location), 403, "forbidden")
    edited = admin.items.patch(location, json={"name": "Renamed by an admin"})
    assert assert_item_response(edited)["owner"]["id"] == owner.id
    assert_item_response(owner.items.patch(location, json={"name": "Mine"}), name="Mine")
    assert_status(admin.items.delete(location), 204)
    assert_error_response(owner.items.patch(location, json={"name": "Mine"}), 404, "not_found")
    assert_error_response(owner.items.delete(location), 404, "not_found")


def test_granted_and_revoked_admin_role_takes_effect(new_user: NewUser, admin: ApiClient) -> None:
    second_admin = new_user()
    account = f"/admin/users/{second_admin.id}"
    assert_user_response(admin.users.patch(account, json={"role": "admin"}))
    second_admin.sign_in()  # the role is in the token
    location = create_items(new_user())
    assert_item_response(
        second_admin.items.patch(location, json={"name": "Changed by a second admin"})
    )
    assert_paginated_response(second_admin.users.get("/admin/users/"))
    assert_user_response(admin.users.patch(account, json={"role": "user"}))
    assert_error_response(second_admin.users.get("/admin/users/"), 403, "forbidden")
    second_admin.sign_in()
    refused = second_admin.items.patch(location, json={"name": "Once more"})
    assert_error_response(refused, 403, "forbidden")
