"""The life of tokens and keys, as both services see it."""

from collections.abc import Callable

import jwt
import pytest
from people import Person
from selling import put_up
from stack import Stack, wait_for

from service_testing.assertions import assert_error_response, assert_item_response, assert_status
from service_testing.factories import create_item_data

NewPerson = Callable[[], Person]


def key_id(person: Person) -> str:
    """Of the key that signed this person's access token."""
    token = person.headers["Authorization"].removeprefix("Bearer ")
    return str(jwt.get_unverified_header(token)["kid"])


_PRINT_AN_EXPIRED_TOKEN = """
import asyncio
from app.access_tokens import TokenIssuer
from app.main import create_app

issuer = TokenIssuer(create_app().state.keys, lifetime_seconds=-60)
print(asyncio.run(issuer.for_user({user_id}, "user")).access_token)
"""


def test_who_holds_an_expired_token_refreshes_it_and_goes_on(
    stack: Stack, new_person: NewPerson
) -> None:
    person = new_person()
    location = put_up(person)
    # Signed with the real key, a minute too late for anyone's leeway: nobody waits for 15 minutes.
    expired = stack.users.python(_PRINT_AN_EXPIRED_TOKEN.format(user_id=person.id))
    person.bear(expired.strip().splitlines()[-1])
    assert_error_response(person.users.get("/users/me"), 401, "invalid_token")
    refused = person.items.post("/items/", json=create_item_data())
    assert_error_response(refused, 401, "invalid_token")
    assert_item_response(person.items.get(location))  # anyone may read

    person.use(person.users.post("/auth/refresh", json={"refresh_token": person.refresh_token}))
    assert_status(person.users.get("/users/me"), 200)
    put_up(person)


def test_a_refresh_token_used_twice_ends_its_login(new_person: NewPerson) -> None:
    person = new_person()
    first = {"refresh_token": person.refresh_token}
    person.use(person.users.post("/auth/refresh", json=first))
    second = {"refresh_token": person.refresh_token}
    stolen = person.users.post("/auth/refresh", json=first)
    assert_error_response(stolen, 401, "invalid_refresh_token")
    ended = person.users.post("/auth/refresh", json=second)
    assert_error_response(ended, 401, "invalid_refresh_token")
    person.log_in()  # another login is not affected


def test_a_logout_ends_one_login_and_a_new_password_all(new_person: NewPerson) -> None:
    person = new_person()
    here = {"refresh_token": person.refresh_token}
    person.log_in()
    there = {"refresh_token": person.refresh_token}
    assert_status(person.users.post("/auth/logout", json=here), 204)
    refused = person.users.post("/auth/refresh", json=here)
    assert_error_response(refused, 401, "invalid_refresh_token")
    person.use(person.users.post("/auth/refresh", json=there))

    change = {"current_password": person.data["password"], "new_password": "a kettle of fish"}
    assert_status(person.users.put("/users/me/password", json=change), 204)
    renewed = person.users.post("/auth/refresh", json={"refresh_token": person.refresh_token})
    assert_error_response(renewed, 401, "invalid_refresh_token")
    form = {"username": person.data["email"], "password": person.data["password"]}
    assert_error_response(person.users.post("/auth/token", data=form), 401, "invalid_credentials")
    person.data["password"] = "a kettle of fish"
    person.log_in()
    put_up(person)


@pytest.mark.slow
def test_tokens_of_a_rotated_key_stay_good_and_new_ones_work_soon(
    stack: Stack, new_person: NewPerson
) -> None:
    person = new_person()
    location = put_up(person)
    stack.users.command("rotate-keys", "--now")
    said = stack.users.command("rotate-keys", "--now")
    assert_status(person.items.delete(location), 204)
    assert_status(person.users.get("/users/me"), 200)

    form = {"username": person.data["email"], "password": person.data["password"]}

    def signs_and_is_trusted() -> bool:
        person.use(person.users.post("/auth/token", data=form))
        # Several: each replica of either service has to know the key.
        answers = [person.users.get("/users/me") for _ in range(4)]
        answers += [person.items.post("/items/", json=create_item_data()) for _ in range(4)]
        return key_id(person) in said and all(each.is_success for each in answers)

    # Without a head start it takes a moment: users reads its keys, and items asks for unknown ones, every 5 seconds.
    wait_for(signs_and_is_trusted, "the new key to sign, and items to know it")


def test_a_rotation_with_a_head_start_publishes_the_key_before_it_signs(
    stack: Stack, new_person: NewPerson
) -> None:
    person = new_person()

    def published() -> set[str]:
        keys = person.users.get("/.well-known/jwks.json").json()["keys"]
        return {key["kid"] for key in keys}

    before = published()
    said = stack.users.command("rotate-keys")
    (new,) = published() - before
    assert new in said
    person.log_in()
    put_up(person)
