"""`POST /auth/token` with an e-mail address and a password."""

import asyncio
from datetime import timedelta
from typing import Any

import jwt
import pytest
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import update
from sqlmodel import col, select

from app.dependencies import UsersState
from app.models import User
from app.settings import UsersSettings
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient, as_user
from tests.factories import Account, create_account
from tests.helpers import assert_user_response

OUTDATED_HASHER = Argon2Hasher(memory_cost=16, time_cost=2, parallelism=1)


def form(account: Account, **fields: str) -> dict[str, str]:
    return {"username": account.email, "password": account.password, **fields}


async def unverified_claims(client: AppClient, account: Account) -> dict[str, Any]:
    response = await client.post("/auth/token", data=form(account))
    assert_status(response, 200)
    token = response.json()["access_token"]
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that passwords were compared with, one for each comparison."""
    verified: list[str] = []
    verify = Argon2Hasher.verify

    def counted(self: Argon2Hasher, password: str | bytes, password_hash: str | bytes) -> bool:
        verified.append(str(password_hash))
        return verify(self, password, password_hash)

    monkeypatch.setattr(Argon2Hasher, "verify", counted)
    return verified


class TestSignIn:
    async def test_sign_in_returns_tokens(self, client: AppClient, user: Account) -> None:
        response = await client.post("/auth/token", data=form(user))
        assert_status(response, 200)
        body = response.json()
        assert body.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
        assert body["token_type"] == "bearer"
        assert body["expires_in"] == 900
        assert response.headers["Cache-Control"] == "no-store"
        me = await as_user(client, body["access_token"]).get("/users/me")
        assert_user_response(me, email=user.email)

    @pytest.mark.parametrize(
        ("registered", "typed"),
        [
            ("Ada@example.com", "ADA@example.com"),
            ("\u00fc@example.com", "U\u0308@example.com"),
            ("ada@bücher.example.com", "ada@xn--bcher-kva.example.com"),
        ],
    )
    async def test_sign_in_accepts_any_spelling_of_the_email(
        self, client: AppClient, registered: str, typed: str
    ) -> None:
        body = {"email": registered, "name": "Ada", "password": "correct horse"}
        assert_status(await client.post("/users/", json=body), 201)
        credentials = {"username": typed, "password": body["password"]}
        assert_status(await client.post("/auth/token", data=credentials), 200)

    async def test_sign_in_ignores_unknown_fields(self, client: AppClient, user: Account) -> None:
        response = await client.post("/auth/token", data=form(user, scope="all", client_id="web"))
        assert_status(response, 200)

    @pytest.mark.parametrize("grant_type", ["password", ""])
    async def test_grant_type_is_password_by_default(
        self, client: AppClient, user: Account, grant_type: str
    ) -> None:
        response = await client.post("/auth/token", data=form(user, grant_type=grant_type))
        assert_status(response, 200)

    @pytest.mark.parametrize("grant_type", ["authorization_code", "PASSWORD", " ", "g" * 513])
    async def test_another_grant_type_returns_400(
        self, client: AppClient, user: Account, grant_type: str
    ) -> None:
        response = await client.post("/auth/token", data=form(user, grant_type=grant_type))
        assert_error_response(response, 400, "unsupported_grant_type")

    @pytest.mark.parametrize("field", ["username", "password"])
    async def test_sign_in_without_a_field_returns_400(
        self, client: AppClient, user: Account, field: str
    ) -> None:
        complete = form(user)
        del complete[field]
        for data in (complete, {**complete, field: ""}):
            response = await client.post("/auth/token", data=data)
            body = assert_error_response(response, 400, "invalid_request")
            assert body["error_description"] == f"{field}: Field required."

    @pytest.mark.parametrize("field", ["username", "password", "grant_type", "unknown"])
    async def test_field_that_is_sent_twice_returns_400(
        self, client: AppClient, user: Account, field: str
    ) -> None:
        """Otherwise a filter in front of the service may read another value than the service."""
        form = {"grant_type": "password", "username": user.email, "password": user.password}
        twice = {**form, field: [form.get(field, "x"), form.get(field, "x")]}
        response = await client.post("/auth/token", data=twice)
        assert_error_response(response, 400, "invalid_request")

    async def test_form_of_many_fields_returns_400(self, client: AppClient) -> None:
        fields = {f"f{number}": "1" for number in range(1_100)}
        response = await client.post("/auth/token", data=fields)
        assert_error_response(response, 400, "invalid_request")

    async def test_sign_in_without_a_body_returns_400(self, client: AppClient) -> None:
        assert_error_response(await client.post("/auth/token"), 400, "invalid_request")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *((field, "x" * 513) for field in ("username", "password")),
            *((field, "nul\0") for field in ("username", "password")),
        ],
    )
    async def test_invalid_username_or_password_returns_400(
        self, client: AppClient, user: Account, field: str, value: str
    ) -> None:
        response = await client.post("/auth/token", data=form(user, **{field: value}))
        assert_error_response(response, 400, "invalid_request")


class TestRefusal:
    async def test_all_refusals_look_the_same(
        self, client: AppClient, user: Account, session: WriteSession, state: UsersState
    ) -> None:
        inactive = await create_account(session, state, is_active=False)
        bodies = []
        for data in (
            form(user, password="a wrong password"),
            form(user, username="nobody@example.com"),
            form(user, username="no address at all"),
            form(inactive),
            form(inactive, password="a wrong password"),
        ):
            response = await client.post("/auth/token", data=data)
            body = assert_error_response(response, 401, "invalid_credentials")
            bodies.append((body["detail"], response.headers.get("WWW-Authenticate")))
        assert len(set(bodies)) == 1

    async def test_all_refusals_take_the_same_work(
        self,
        client: AppClient,
        user: Account,
        session: WriteSession,
        state: UsersState,
        verifications: list[str],
    ) -> None:
        """Work is counted, not timed: as many comparisons, with hashes of equal cost."""
        inactive = await create_account(session, state, is_active=False)
        for data in (
            form(user, password="a wrong password"),
            form(user, username="nobody@example.com"),
            form(inactive),
        ):
            response = await client.post("/auth/token", data=data)
            assert_error_response(response, 401, "invalid_credentials")
        costs = [password_hash.split("$")[1:4] for password_hash in verifications]
        assert len(costs) == 3
        assert costs == [costs[0]] * 3

    async def test_sign_in_works_again_after_reactivation(
        self, client: AppClient, admin_client: AppClient, session: WriteSession, state: UsersState
    ) -> None:
        inactive = await create_account(session, state, is_active=False)
        response = await admin_client.patch(f"/admin/users/{inactive.id}", json={"is_active": True})
        assert_user_response(response)
        assert_status(await client.post("/auth/token", data=form(inactive)), 200)


class TestAccessToken:
    async def test_access_token_has_the_documented_claims(
        self, client: AppClient, user: Account, settings: UsersSettings
    ) -> None:
        before = utc_now()
        claims = await unverified_claims(client, user)
        assert claims.keys() == {
            "iss",
            "sub",
            "aud",
            "iat",
            "exp",
            "jti",
            "role",
            "auth_time",
            "sid",
            "client_id",
        }
        assert claims["iss"] == "users"
        assert claims["sub"] == str(user.id)
        assert claims["client_id"] == "first-party"
        assert claims["aud"] == list(settings.token_audiences)
        assert claims["role"] == "user"
        assert claims["auth_time"] == claims["iat"]
        assert claims["exp"] - claims["iat"] == 15 * 60
        assert abs(claims["iat"] - before.timestamp()) < timedelta(minutes=1).total_seconds()

    async def test_access_token_has_the_role_and_an_id_of_its_own(
        self, client: AppClient, admin: Account
    ) -> None:
        first, second = [await unverified_claims(client, admin) for _ in range(2)]
        assert first["role"] == "admin"
        assert first["jti"] != second["jti"]


class TestRehash:
    async def test_hash_is_renewed_when_the_parameters_have_changed(
        self, client: AppClient, user: Account, session: WriteSession, settings: UsersSettings
    ) -> None:
        await _store_outdated_hash(session, user)
        assert_status(await client.post("/auth/token", data=form(user)), 200)
        rehashed = await _stored_hash(session, user)
        assert f"m={settings.password_memory_kib},t={settings.password_time_cost}," in rehashed
        assert_status(await client.post("/auth/token", data=form(user)), 200)
        assert await _stored_hash(session, user) == rehashed

    async def test_hash_is_not_renewed_for_a_wrong_password(
        self, client: AppClient, user: Account, session: WriteSession
    ) -> None:
        await _store_outdated_hash(session, user)
        before = await _stored_hash(session, user)
        data = form(user, password="a wrong password")
        assert_status(await client.post("/auth/token", data=data), 401)
        assert await _stored_hash(session, user) == before

    @pytest.mark.committed
    async def test_concurrent_logins_that_renew_the_hash_all_succeed(
        self, client: AppClient, session: WriteSession, state: UsersState
    ) -> None:
        user = await create_account(session, state)
        await _store_outdated_hash(session, user)
        logins = (client.post("/auth/token", data=form(user)) for _ in range(5))
        statuses = [response.status_code for response in await asyncio.gather(*logins)]
        assert statuses == [200] * 5


async def _store_outdated_hash(session: WriteSession, account: Account) -> None:
    outdated = OUTDATED_HASHER.hash(account.password)
    await session.exec(
        update(User).where(col(User.id) == account.id).values(password_hash=outdated)
    )
    await session.commit()


async def _stored_hash(session: WriteSession, account: Account) -> str:
    statement = select(col(User.password_hash)).where(col(User.id) == account.id)
    stored = (await session.exec(statement)).one()
    await session.commit()
    return stored
