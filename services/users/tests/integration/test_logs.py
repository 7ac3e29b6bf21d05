"""Logs: no secrets, and a warning about stolen refresh tokens."""

import json
from typing import Any

from structlog.types import EventDict

from app.dependencies import UsersState
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_status
from service_testing.client import AppClient, as_user
from tests.factories import create_account, create_user_data
from tests.helpers import assert_login_ended, log_in, refresh


class TestSecrets:
    async def test_logs_contain_no_secrets_and_no_addresses(
        self, client: AppClient, session: WriteSession, state: UsersState, logs: list[EventDict]
    ) -> None:
        data = create_user_data()
        assert_status(await client.post("/users/", json=data), 201)
        assert_status(await client.post("/users/", json=data), 409)
        assert_status(await client.post("/users/", json={**data, "password": "\0" * 9}), 422)
        form = {"username": data["email"], "password": data["password"]}
        tokens: dict[str, Any] = (await client.post("/auth/token", data=form)).json()
        wrong = {**form, "password": "a wrong password"}
        assert_status(await client.post("/auth/token", data=wrong), 401)
        response = await client.post(
            "/auth/refresh", json={"refresh_token": tokens["refresh_token"]}
        )
        refreshed = response.json()["refresh_token"]
        await assert_login_ended(client, tokens["refresh_token"])
        again = await client.post("/auth/token", data=form)
        me = as_user(client, again.json()["access_token"])
        change = {"current_password": data["password"], "new_password": "a new password"}
        assert_status(await me.put("/users/me/password", json=change), 204)
        admin = as_user(client, (await create_account(session, state, role="admin")).token)
        found = await admin.get("/admin/users/", params={"q": data["email"]})
        assert_status(found, 200)
        again = await client.post("/auth/token", data={**form, "password": "a new password"})
        me = as_user(client, again.json()["access_token"])
        deletion = {"current_password": "a new password"}
        assert_status(await me.post("/users/me/deletion", json=deletion), 204)

        passwords = [data["password"], "a wrong password", "a new password", "argon2"]
        secrets = [*passwords, tokens["access_token"], tokens["refresh_token"], refreshed]
        secrets += [data["email"], data["name"]]
        lines = [json.dumps(line, default=str) for line in logs]
        assert len(lines) >= 10
        assert [line for line in lines if any(secret in line for secret in secrets)] == []


class TestReuse:
    async def test_reuse_of_a_refresh_token_logs_a_warning(
        self, client: AppClient, session: WriteSession, state: UsersState, logs: list[EventDict]
    ) -> None:
        account = await create_account(session, state)
        token = await log_in(client, account)
        await refresh(client, token)
        await assert_login_ended(client, token)
        (warning,) = [line for line in logs if line["log_level"] == "warning"]
        assert (warning["action"], warning["target"]) == ("refresh_token_reuse", account.id)
