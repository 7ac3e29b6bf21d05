"""The access tokens that routes accept."""

from typing import Any

import pytest

from chassis.auth.tokens import LEEWAY_SECONDS
from service_testing.assertions import assert_error_response
from service_testing.client import AppClient, as_user
from service_testing.tokens import TokenIssuer
from tests.factories import create_item_data
from tests.fake_users import FakeUsers

WRONG: list[dict[str, Any]] = [
    *({"audience": audience} for audience in ("users", "items-events", [], ["users"])),
    {"iss": "items"},
    *({"sub": subject} for subject in ("0", "x", str(2**63))),
    *({"role": role} for role in ("", "root", None)),
    {"expires_in_seconds": -LEEWAY_SECONDS - 5},
    *({"without": [claim]} for claim in ("aud", "exp", "role")),
    *({"algorithm": algorithm} for algorithm in ("none", "HS256")),
    {"headers": {"kid": "another"}},
]
"""One of each kind. The chassis tests all of them."""


class TestToken:
    @pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Token abc"])
    async def test_missing_token_returns_401(self, client: AppClient, header: str) -> None:
        headers = {"Authorization": header}
        response = await client.post("/items/", json=create_item_data(), headers=headers)
        assert_error_response(response, 401, "not_authenticated")
        assert response.headers["WWW-Authenticate"] == "Bearer"

    @pytest.mark.parametrize("wrong", WRONG, ids=str)
    async def test_token_with_a_wrong_part_returns_401(
        self, client: AppClient, token_issuer: TokenIssuer, users: FakeUsers, wrong: dict[str, Any]
    ) -> None:
        users.add(user_id=1)
        caller = as_user(client, token_issuer.token(**wrong))
        response = await caller.post("/items/", json=create_item_data())
        assert_error_response(response, 401, "invalid_token")
        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        assert users.lookups == 0

    @pytest.mark.parametrize("path", ["/items/1", "/items/x"])
    @pytest.mark.parametrize("method", ["PATCH", "DELETE"])
    async def test_invalid_token_returns_401_whether_or_not_the_item_exists(
        self, client: AppClient, method: str, path: str
    ) -> None:
        response = await as_user(client, "x").request(method, path)
        assert_error_response(response, 401, "invalid_token")

    async def test_reads_ignore_the_token(self, client: AppClient) -> None:
        response = await as_user(client, "x").get("/items/")
        assert response.status_code == 200
