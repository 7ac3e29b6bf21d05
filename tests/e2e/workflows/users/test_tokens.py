"""The life of refresh tokens."""

from service_testing.assertions import assert_error_response, assert_status
from tests.e2e.clients import NewUser


def test_reused_refresh_token_ends_its_login(new_user: NewUser) -> None:
    user = new_user()
    first = {"refresh_token": user.refresh_token}
    user.use_tokens(user.users.post("/auth/refresh", json=first))
    second = {"refresh_token": user.refresh_token}
    stolen = user.users.post("/auth/refresh", json=first)
    assert_error_response(stolen, 401, "invalid_refresh_token")
    ended = user.users.post("/auth/refresh", json=second)
    assert_error_response(ended, 401, "invalid_refresh_token")
    user.sign_in()  # another login is not affected


def test_logout_ends_one_login_and_password_change_ends_all(new_user: NewUser) -> None:
    user = new_user()
    here = {"refresh_token": user.refresh_token}
    user.sign_in()
    there = {"refresh_token": user.refresh_token}
    assert_status(user.users.post("/auth/logout", json=here), 204)
    refused = user.users.post("/auth/refresh", json=here)
    assert_error_response(refused, 401, "invalid_refresh_token")
    user.use_tokens(user.users.post("/auth/refresh", json=there))

    change = {"current_password": user.data["password"], "new_password": "a kettle of fish"}
    assert_status(user.users.put("/users/me/password", json=change), 204)
    renewed = user.users.post("/auth/refresh", json={"refresh_token": user.refresh_token})
    assert_error_response(renewed, 401, "invalid_refresh_token")
    form = {"username": user.data["email"], "password": user.data["password"]}
    assert_error_response(user.users.post("/auth/token", data=form), 401, "invalid_credentials")
    user.data["password"] = "a kettle of fish"
    user.sign_in()
    assert_status(user.users.get("/users/me"), 200)
