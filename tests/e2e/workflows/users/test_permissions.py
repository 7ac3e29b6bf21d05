"""What other users see of an account."""

from service_testing.assertions import (
    assert_error_response,
    assert_status,
)
from tests.e2e.clients import NewUser
from tests.e2e.helpers import assert_user_response


def test_other_users_see_public_fields_and_change_nothing(new_user: NewUser) -> None:
    user, stranger = new_user(), new_user()
    seen = stranger.users.get(f"/users/{user.id}")
    assert_status(seen, 200)
    assert seen.json() == {"id": user.id, "name": user.data["name"], "is_active": True}
    account = f"/admin/users/{user.id}"
    for refused in (
        stranger.users.get("/admin/users/"),
        stranger.users.get(account),
        stranger.users.patch(account, json={"role": "admin"}),
        stranger.users.delete(account),
    ):
        assert_error_response(refused, 403, "forbidden")
    assert assert_user_response(user.users.get("/users/me"))["role"] == "user"
