"""Which access tokens this service accepts, tested at `GET /users/me`. The chassis tests every kind."""

from typing import Any

import pytest

from app.dependencies import UsersState
from service_testing.assertions import assert_error_response, assert_status, assert_validation_error
from service_testing.client import AppClient, as_user
from service_testing.frozen_time import FrozenTime
from service_testing.isolation import IsolatedDatabase
from service_testing.tokens import TokenIssuer
from tests.factories import Account
from tests.helpers import assert_user_response, claims_of


@pytest.fixture
async def issuer(state: UsersState, database: IsolatedDatabase) -> TokenIssuer:
    """Signs with the service's own key, so that only the claim under test is wrong."""
    key = await state.keys.signing_key()
    return TokenIssuer(key.private, key_id=key.key_id, audience="users", name="users")


@pytest.fixture
def claims(user: Account) -> dict[str, Any]:
    """What names the user and a session of theirs."""
    return {"user_id": user.id, "sid": claims_of(user.token)["sid"]}


class TestToken:
    @pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic YTpi", "Token x"])
    async def test_request_without_token_returns_401(
        self, client: AppClient, authorization: str
    ) -> None:
        response = await client.get("/users/me", headers={"Authorization": authorization})
        assert_error_response(response, 401, "not_authenticated")
        assert response.headers["WWW-Authenticate"] == "Bearer"

    async def test_value_that_is_no_token_returns_401(self, client: AppClient) -> None:
        response = await as_user(client, "no.token.atall").get("/users/me")
        assert_error_response(response, 401, "invalid_token")
        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
    async def test_valid_token_is_accepted(
        self,
        client: AppClient,
        user: Account,
        issuer: TokenIssuer,
        claims: dict[str, Any],
        scheme: str,
    ) -> None:
        headers = {"Authorization": f"{scheme} {issuer.token(**claims)}"}
        response = await client.get("/users/me", headers=headers)
        assert_user_response(response, email=user.email)

    async def test_token_in_the_query_is_ignored(self, client: AppClient, user: Account) -> None:
        response = await client.get("/users/me", params={"access_token": user.token})
        assert_error_response(response, 401, "not_authenticated")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"iss": "items"},
            *({"audience": audience} for audience in ("items", "users-internal")),
            {"expires_in_seconds": -11},
            *({"sub": subject} for subject in ("0", "me", str(2**63))),
            {"role": "root"},
            *({"without": [claim]} for claim in ("aud", "exp", "role", "sid")),
            {"sid": str(2**63 - 1)},
            {"headers": {"kid": "unknown"}},
            *({"algorithm": algorithm} for algorithm in ("none", "HS256")),
        ],
        ids=str,
    )
    async def test_token_with_one_wrong_claim_returns_401(
        self,
        client: AppClient,
        claims: dict[str, Any],
        issuer: TokenIssuer,
        wrong: dict[str, Any],
    ) -> None:
        token = issuer.token(**{**claims, **wrong})
        response = await as_user(client, token).get("/users/me")
        assert_error_response(response, 401, "invalid_token")

    async def test_token_signed_by_another_key_returns_401(
        self, client: AppClient, claims: dict[str, Any], issuer: TokenIssuer
    ) -> None:
        token = issuer.impostor().token(**claims)
        response = await as_user(client, token).get("/users/me")
        assert_error_response(response, 401, "invalid_token")


class TestTime:
    async def test_token_expires_after_15_minutes(
        self, user_client: AppClient, frozen_time: FrozenTime
    ) -> None:
        frozen_time.tick(minutes=14, seconds=58)
        assert_status(await user_client.get("/users/me"), 200)
        # 10 seconds are allowed for clocks that differ.
        frozen_time.tick(10)
        assert_status(await user_client.get("/users/me"), 200)
        frozen_time.tick(4)
        assert_status(await user_client.get("/users/me"), 401)


class TestAccountBehindTheToken:
    async def test_token_of_a_deactivated_account_returns_401_even_after_reactivation(
        self, user_client: AppClient, admin_client: AppClient, user: Account
    ) -> None:
        path = f"/admin/users/{user.id}"
        assert_user_response(await admin_client.patch(path, json={"is_active": False}))
        assert_error_response(await user_client.get("/users/me"), 401, "invalid_token")
        assert_user_response(await admin_client.patch(path, json={"is_active": True}))
        assert_error_response(await user_client.get("/users/me"), 401, "invalid_token")

    async def test_demoted_admin_with_an_old_token_returns_403(
        self,
        client: AppClient,
        admin_client: AppClient,
        user: Account,
        issuer: TokenIssuer,
        claims: dict[str, Any],
    ) -> None:
        path = f"/admin/users/{user.id}"
        assert_user_response(await admin_client.patch(path, json={"role": "admin"}))
        promoted = as_user(client, issuer.token(**claims, role="admin"))
        assert_status(await promoted.get("/admin/users/"), 200)
        assert_user_response(await admin_client.patch(path, json={"role": "user"}))
        assert_error_response(await promoted.get("/admin/users/"), 403, "forbidden")

    async def test_promoted_user_can_administer_with_an_old_token(
        self, user_client: AppClient, admin_client: AppClient, user: Account
    ) -> None:
        assert_error_response(await user_client.get("/admin/users/"), 403, "forbidden")
        path = f"/admin/users/{user.id}"
        assert_user_response(await admin_client.patch(path, json={"role": "admin"}))
        assert_status(await user_client.get("/admin/users/"), 200)

    async def test_token_of_an_unknown_account_returns_401(
        self, client: AppClient, issuer: TokenIssuer, claims: dict[str, Any]
    ) -> None:
        token = issuer.token(**{**claims, "user_id": 2**63 - 1})
        response = await as_user(client, token).get("/users/me")
        assert_error_response(response, 401, "invalid_token")

    async def test_token_is_checked_before_the_body(
        self, client: AppClient, user_client: AppClient
    ) -> None:
        body = {"name": ""}
        response = await client.patch("/users/me", json=body)
        assert_error_response(response, 401, "not_authenticated")
        assert_validation_error(await user_client.patch("/users/me", json=body), ["body", "name"])
