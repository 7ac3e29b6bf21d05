"""`POST /users/`: what is accepted, and the response. The chassis tests the kinds of text and addresses."""

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

LONGEST_EMAIL = f"{'l' * 64}@{'d' * 63}.{'d' * 63}.{'d' * 57}.com"  # 254 characters
INVALID: list[tuple[str, object]] = [
    *(("email", value) for value in (None, 1, "", "plain", LONGEST_EMAIL.replace(".com", "d.com"))),
    *(("name", value) for value in (None, 1, "", "\t\u00a0", "n" * 121)),
    *(("password", value) for value in (None, 1, "🎉" * 7, "p" * 129)),
    *((field, "NUL \0 inside") for field in ("email", "name", "password")),
    *((field, "lone surrogate \ud800 inside") for field in ("email", "name", "password")),
    *((field, "admin") for field in ("role", "is_active", "id", "version", "password_hash", "")),
]


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

    @pytest.mark.parametrize(("field", "value"), INVALID, ids=lambda value: ascii(value)[:20])
    async def test_register_with_an_invalid_or_unknown_field_returns_422(
        self, client: AppClient, field: str, value: object
    ) -> None:
        assert_validation_error(await register(client, **{field: value}), ["body", field])

    @pytest.mark.parametrize(
        "weak",
        [
            {"password": "12345678"},
            {"password": "Lovelace", "name": "Lovelace"},
            {"password": "Micro-services 2026"},
        ],
    )
    async def test_register_with_a_weak_password_returns_422(
        self, client: AppClient, weak: dict[str, str]
    ) -> None:
        response = await register(client, **weak)
        body = assert_validation_error(response, ["body", "password"])
        assert body["detail"][0]["type"] == "weak_password"

    async def test_errors_never_repeat_the_password(self, client: AppClient) -> None:
        response = await register(client, password="\0my secret")
        assert_validation_error(response, ["body", "password"])
        assert "my secret" not in response.text

    @pytest.mark.parametrize(
        ("field", "sent", "stored"),
        [
            ("name", f"  {'🎉' * 120}\u3000", "🎉" * 120),
            ("name", "O'Brien; DROP", "O'Brien; DROP"),
            ("email", LONGEST_EMAIL, LONGEST_EMAIL),
            ("email", "用户@例子.广告", "用户@例子.广告"),
            ("email", "Ada+tag@EXAMPLE.com", "Ada+tag@example.com"),
        ],
    )
    async def test_register_stores_unusual_values(
        self, client: AppClient, field: str, sent: str, stored: str
    ) -> None:
        body = assert_user_response(await register(client, **{field: sent}), status=201)
        assert body[field] == stored

    @pytest.mark.parametrize("password", ["8 chars!", "🎉" * 128, " " * 8])
    async def test_password_may_have_8_to_128_characters(
        self, client: AppClient, password: str
    ) -> None:
        data = create_user_data(password=password)
        assert_user_response(await client.post("/users/", json=data), status=201)
        form = {"username": data["email"], "password": password}
        assert_status(await client.post("/auth/token", data=form), 200)
