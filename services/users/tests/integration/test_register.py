"""`POST /users/`: what is accepted, and the response."""

import json
from datetime import timedelta

import httpx
import pytest
from sqlmodel import col, select

from app.models import User
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_status, assert_validation_error
from service_testing.client import AppClient
from tests.factories import create_user_data
from tests.helpers import assert_user_response

LONGEST_LOCAL = "l" * 64
LONGEST_EMAIL = f"{LONGEST_LOCAL}@{'d' * 63}.{'d' * 63}.{'d' * 57}.com"  # 254 characters

INVALID_EMAILS = ["", "plain", "ada@localhost", " ada@example.com", f"l{LONGEST_LOCAL}@example.com"]
UNSTORABLE = ["NUL \0 inside", "lone surrogate \ud800 inside"]


async def register(client: AppClient, **fields: object) -> httpx.Response:
    """Send valid data with these changes."""
    # httpx can't encode a lone surrogate; a JSON escape carries it.
    content = json.dumps({**create_user_data(), **fields})
    headers = {"Content-Type": "application/json"}
    return await client.post("/users/", content=content, headers=headers)


class TestRegister:
    async def test_register_returns_the_own_view_and_location(self, client: AppClient) -> None:
        data = create_user_data(name="Ada Lovelace")
        response = await client.post("/users/", json=data)
        body = assert_user_response(response, status=201, email=data["email"])
        assert body["name"] == "Ada Lovelace"
        assert body["role"] == "user"
        assert body["is_active"] is True
        assert body["created_at"].endswith("Z")
        assert response.headers["Location"] == f"/users/{body['id']}"

    async def test_register_stores_only_a_hash_of_the_password(
        self, client: AppClient, session: WriteSession
    ) -> None:
        data = create_user_data()
        body = assert_user_response(await client.post("/users/", json=data), status=201)
        user = (await session.exec(select(User).where(col(User.id) == body["id"]))).one()
        assert user.password_hash.startswith("$argon2id$")
        assert not [value for value in user.model_dump().values() if value == data["password"]]

    async def test_register_stores_the_time(self, client: AppClient, session: WriteSession) -> None:
        body = assert_user_response(await register(client), status=201)
        created_at = await session.scalar(
            select(col(User.created_at)).where(col(User.id) == body["id"])
        )
        assert created_at is not None
        assert timedelta() <= utc_now() - created_at < timedelta(minutes=1)

    async def test_register_ignores_a_token(self, user_client: AppClient) -> None:
        assert_user_response(await register(user_client), status=201)

    @pytest.mark.parametrize("field", ["email", "name", "password"])
    async def test_register_without_a_field_returns_422(
        self, client: AppClient, field: str
    ) -> None:
        data = {name: value for name, value in create_user_data().items() if name != field}
        response = await client.post("/users/", json=data)
        assert_validation_error(response, ["body", field])

    @pytest.mark.parametrize("field", ["email", "name", "password"])
    @pytest.mark.parametrize("value", [None, 1, 1.5, True, [], {}], ids=repr)
    async def test_register_with_a_wrong_type_returns_422(
        self, client: AppClient, field: str, value: object
    ) -> None:
        assert_validation_error(await register(client, **{field: value}), ["body", field])

    @pytest.mark.parametrize("field", ["email", "name", "password"])
    @pytest.mark.parametrize("value", UNSTORABLE, ids=["nul", "surrogate"])
    async def test_register_with_text_that_no_database_stores_returns_422(
        self, client: AppClient, field: str, value: str
    ) -> None:
        assert_validation_error(await register(client, **{field: value}), ["body", field])

    @pytest.mark.parametrize("field", ["role", "is_active", "id", "version", "password_hash", ""])
    async def test_register_with_an_unknown_field_returns_422(
        self, client: AppClient, field: str
    ) -> None:
        response = await register(client, **{field: "admin"})
        assert_validation_error(response, ["body", field])

    async def test_errors_never_repeat_the_password(self, client: AppClient) -> None:
        response = await register(client, password="\0my secret")
        assert_validation_error(response, ["body", "password"])
        assert "my secret" not in response.text


class TestName:
    @pytest.mark.parametrize("name", ["n", "n" * 120, "名" * 120, "🎉" * 120, "O'Brien; DROP"])
    async def test_name_is_stored_as_sent(self, client: AppClient, name: str) -> None:
        body = assert_user_response(await register(client, name=name), status=201)
        assert body["name"] == name

    @pytest.mark.parametrize("space", [" ", "\t", "\n", "\u00a0", "\u3000", "\u2028"], ids=ascii)
    async def test_name_is_trimmed_before_it_is_measured(
        self, client: AppClient, space: str
    ) -> None:
        name = f"{space * 3}{'n' * 120}{space}"
        body = assert_user_response(await register(client, name=name), status=201)
        assert body["name"] == "n" * 120

    @pytest.mark.parametrize(
        "name", ["", " ", "\t\n ", "\u00a0", "\u3000", "n" * 121, "🎉" * 121], ids=ascii
    )
    async def test_blank_or_too_long_name_returns_422(self, client: AppClient, name: str) -> None:
        assert_validation_error(await register(client, name=name), ["body", "name"])


class TestEmail:
    @pytest.mark.parametrize(
        "email",
        [
            "a@b.co",
            LONGEST_EMAIL,
            "ada+tag@example.com",
            "o'brien@example.com",
            "Ada.Lovelace@example.com",
            "ünï@example.com",
            "ada@bücher.example.com",
            "用户@例子.广告",
        ],
    )
    async def test_valid_email_is_stored_as_sent(self, client: AppClient, email: str) -> None:
        assert_user_response(await register(client, email=email), status=201, email=email)

    @pytest.mark.parametrize("email", INVALID_EMAILS, ids=ascii)
    async def test_invalid_email_returns_422(self, client: AppClient, email: str) -> None:
        response = await register(client, email=email)
        assert_validation_error(response, ["body", "email"])

    async def test_email_of_255_characters_returns_422(self, client: AppClient) -> None:
        longer = LONGEST_EMAIL.replace(".com", "d.com")
        assert (len(LONGEST_EMAIL), len(longer)) == (254, 255)
        assert_validation_error(await register(client, email=longer), ["body", "email"])

    async def test_email_domain_is_stored_in_lower_case(self, client: AppClient) -> None:
        response = await register(client, email="Ada@EXAMPLE.com")
        assert_user_response(response, status=201, email="Ada@example.com")


class TestPassword:
    @pytest.mark.parametrize("character", ["p", "ü", "🎉", " "])
    @pytest.mark.parametrize("length", [8, 128])
    async def test_password_may_have_8_to_128_characters(
        self, client: AppClient, character: str, length: int
    ) -> None:
        data = create_user_data(password=character * length)
        assert_user_response(await client.post("/users/", json=data), status=201)
        form = {"username": data["email"], "password": data["password"]}
        assert_status(await client.post("/auth/token", data=form), 200)

    @pytest.mark.parametrize("character", ["p", "ü", "🎉"])
    @pytest.mark.parametrize("length", [0, 7, 129])
    async def test_password_of_another_length_returns_422(
        self, client: AppClient, character: str, length: int
    ) -> None:
        response = await register(client, password=character * length)
        assert_validation_error(response, ["body", "password"])
