"""The life of tokens and keys, at both services."""

import jwt
import pytest

from service_testing.assertions import assert_error_response, assert_status
from tests.e2e.clients import ApiClient, NewUser
from tests.e2e.stack import Stack, wait_for
from tests.e2e.workflows.items.actions import create_items
from tests.e2e.workflows.items.factories import create_item_data
from tests.e2e.workflows.items.helpers import assert_item_response


def key_id(user: ApiClient) -> str:
    """The id of the key that signed the access token."""
    token = user.headers["Authorization"].removeprefix("Bearer ")
    return str(jwt.get_unverified_header(token)["kid"])


# Signs in at an app whose tokens are valid for one second: the shortest lifetime that the settings allow.
_SIGN_IN_WITH_SHORT_LIFETIME = """
import asyncio, os, sys
import httpx

os.environ["USERS_ACCESS_TOKEN_SECONDS"] = "1"
from app.main import create_app

async def main():
    app = create_app()
    async with app.router.lifespan_context(app) as state:
        async def with_state(scope, receive, send):
            await app({{**scope, "state": dict(state or {{}})}}, receive, send)

        transport = httpx.ASGITransport(app=with_state)
        async with httpx.AsyncClient(transport=transport, base_url="http://users") as client:
            form = {{"username": {email!r}, "password": {password!r}}}
            response = await client.post("/auth/token", data=form)
    print(response.raise_for_status().json()["access_token"])

asyncio.run(main())
"""


@pytest.mark.slow
def test_expired_token_is_refused_until_refreshed(stack: Stack, new_user: NewUser) -> None:
    user = new_user()
    location = create_items(user)
    code = _SIGN_IN_WITH_SHORT_LIFETIME.format(
        email=user.data["email"], password=user.data["password"]
    )
    user.use_access_token(stack.users.python(code).strip().splitlines()[-1])
    # The clocks of two services may differ by 10 seconds, so it is accepted for that long.
    wait_for(lambda: user.users.get("/users/me").status_code == 401, "the token to expire")
    assert_error_response(user.users.get("/users/me"), 401, "invalid_token")
    refused = user.items.post("/items/", json=create_item_data())
    assert_error_response(refused, 401, "invalid_token")
    assert_item_response(user.items.get(location))  # needs no token

    user.use_tokens(user.users.post("/auth/refresh", json={"refresh_token": user.refresh_token}))
    assert_status(user.users.get("/users/me"), 200)
    create_items(user)


@pytest.mark.slow
def test_old_tokens_stay_valid_after_key_rotation_and_new_ones_work_soon(
    stack: Stack, new_user: NewUser
) -> None:
    user = new_user()
    location = create_items(user)
    stack.users.command("rotate-keys", "--now")
    output = stack.users.command("rotate-keys", "--now")
    assert_status(user.items.delete(location), 204)
    assert_status(user.users.get("/users/me"), 200)

    form = {"username": user.data["email"], "password": user.data["password"]}

    def new_key_works() -> bool:
        user.use_tokens(user.users.post("/auth/token", data=form))
        # Several requests: each copy of both services has to know the key.
        answers = [user.users.get("/users/me") for _ in range(4)]
        answers += [user.items.post("/items/", json=create_item_data()) for _ in range(4)]
        return key_id(user) in output and all(each.is_success for each in answers)

    # Both services look for new keys every 5 seconds.
    wait_for(new_key_works, "the new key to sign, and items to know it")


@pytest.mark.slow
def test_revoked_key_ends_with_its_tokens_and_others_refresh_theirs(
    stack: Stack, new_user: NewUser
) -> None:
    thief, user = new_user(), new_user()
    location = create_items(thief)
    output = stack.users.command("rotate-keys", "--now", "--revoke-old")
    # Both services look for new keys every 5 seconds.
    wait_for(lambda: thief.users.get("/users/me").status_code == 401, "users to refuse the old key")

    def new_key_works() -> bool:
        token = {"refresh_token": user.refresh_token}
        user.use_tokens(user.users.post("/auth/refresh", json=token))
        answers = [user.items.post("/items/", json=create_item_data()) for _ in range(4)]
        return key_id(user) in output and all(each.is_success for each in answers)

    wait_for(new_key_works, "items to know the new key")
    wait_for(lambda: thief.items.delete(location).status_code == 401, "items to refuse the old key")


def test_rotation_publishes_the_key_before_it_signs(stack: Stack, new_user: NewUser) -> None:
    user = new_user()

    def published() -> set[str]:
        keys = user.users.get("/.well-known/jwks.json").json()["keys"]
        return {key["kid"] for key in keys}

    before = published()
    output = stack.users.command("rotate-keys")
    (new,) = published() - before
    assert new in output
    user.sign_in()
    create_items(user)
