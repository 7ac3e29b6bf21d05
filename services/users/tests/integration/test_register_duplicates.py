"""`POST /users/` with an e-mail address that is taken, was taken, or is being taken."""

import asyncio

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from app.models import User
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient, as_user
from tests.factories import Account, create_user_data
from tests.helpers import assert_user_response, delete_me


class TestDuplicate:
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("ada@example.com", "ADA@Example.COM"),
            ("straße@example.com", "STRASSE@example.com"),
            ("ada@bücher.example.com", "ada@xn--bcher-kva.example.com"),
        ],
    )
    async def test_taken_email_in_another_spelling_returns_409(
        self, client: AppClient, first: str, second: str
    ) -> None:
        response = await client.post("/users/", json=create_user_data(email=first))
        assert_user_response(response, status=201)
        response = await client.post("/users/", json=create_user_data(email=second))
        body = assert_error_response(response, 409, "email_taken")
        assert body["detail"] == "Another account has this e-mail address."

    async def test_refused_registration_keeps_the_first_account(
        self, client: AppClient, user: Account, user_client: AppClient
    ) -> None:
        response = await client.post("/users/", json=create_user_data(email=user.email))
        assert_error_response(response, 409, "email_taken")
        body = assert_user_response(await user_client.get("/users/me"), email=user.email)
        assert (body["id"], body["name"]) == (user.id, user.name)


class TestDeletedAccount:
    async def test_deleted_account_frees_its_email_and_never_its_id(
        self, client: AppClient, user: Account, user_client: AppClient
    ) -> None:
        assert_status(await delete_me(user_client, user), 204)
        response = await client.post("/users/", json=create_user_data(email=user.email))
        body = assert_user_response(response, status=201, email=user.email)
        assert body["id"] > user.id
        # The old token names the old id, which nobody has.
        assert_error_response(await user_client.get("/users/me"), 401, "invalid_token")

    @pytest.mark.committed
    async def test_id_of_a_deleted_account_is_not_reused_after_commits(
        self, client: AppClient
    ) -> None:
        ids = []
        for _ in range(3):
            data = create_user_data()
            body = assert_user_response(await client.post("/users/", json=data), status=201)
            ids.append(body["id"])
            form = {"username": data["email"], "password": data["password"]}
            token = (await client.post("/auth/token", data=form)).json()["access_token"]
            body = {"current_password": data["password"]}
            deleted = await as_user(client, token).post("/users/me/deletion", json=body)
            assert_status(deleted, 204)
        assert ids == sorted(set(ids))


@pytest.mark.committed
class TestRace:
    async def test_only_one_of_100_registrations_of_one_email_succeeds(
        self, client: AppClient, session: WriteSession
    ) -> None:
        email = create_user_data()["email"]
        spellings = [email, email.upper().replace("EXAMPLE.COM", "example.com")]
        bodies = [create_user_data(email=spellings[number % 2]) for number in range(100)]
        responses = await asyncio.gather(*(client.post("/users/", json=body) for body in bodies))
        statuses = [response.status_code for response in responses]
        assert statuses.count(201) == 1
        assert statuses.count(409) == 99
        assert await session.scalar(select(func.count(col(User.id)))) == 1
