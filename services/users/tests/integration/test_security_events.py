"""Security events: one line and one count each, with actor, target, outcome and request id."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from structlog.types import EventDict

from app.dependencies import UsersState
from app.services.access_tokens import INTERNAL_AUDIENCE, READ_SCOPE
from app.services.service_clients import register
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_status
from service_testing.client import AppClient
from tests.commands import Operator
from tests.factories import Account, create_account
from tests.helpers import assert_login_ended, delete_me, email_change, log_in, refresh
from tests.mailer import Mailer

Seen = tuple[str, str, int | None, int | None]
"""Action, outcome, actor and target."""


def seen(logs: Sequence[EventDict]) -> list[Seen]:
    """The security events so far, which all have a request id."""
    lines = [line for line in logs if line["event"] == "security_event"]
    assert all(line["request_id"] for line in lines)
    return [
        (line["action"], line["outcome"], line.get("actor"), line.get("target")) for line in lines
    ]


class TestUsers:
    async def test_sign_in_that_succeeds_or_fails_is_recorded(
        self, client: AppClient, user: Account, logs: list[EventDict]
    ) -> None:
        await log_in(client, user)
        for email in (user.email, "nobody@example.com"):
            form = {"username": email, "password": "wrong"}
            assert_status(await client.post("/auth/token", data=form), 401)
        assert seen(logs) == [
            ("sign_in", "success", user.id, None),
            ("sign_in", "failure", None, user.id),
            ("sign_in", "failure", None, None),
        ]

    async def test_second_use_of_a_refresh_token_is_recorded(
        self, client: AppClient, user: Account, logs: list[EventDict]
    ) -> None:
        token = await log_in(client, user)
        await refresh(client, token)
        for _ in range(2):
            await assert_login_ended(client, token)
        assert seen(logs)[1:] == [("refresh_token_reuse", "failure", None, user.id)] * 2

    async def test_changes_of_credentials_are_recorded(
        self, client: AppClient, user_client: AppClient, user: Account, mailer: Mailer, logs: Any
    ) -> None:
        await user_client.patch("/users/me", json={**email_change(user, "new@example.com")})
        token = await mailer.token()
        for _ in range(2):
            await client.post("/auth/email-verification/confirm", json={"token": token})
        for password in ("wrong", user.password):
            body = {"current_password": password, "new_password": "another password"}
            await user_client.put("/users/me/password", json=body)
        await client.post("/auth/password-reset", json={"email": "new@example.com"})
        token = await mailer.token()
        for _ in range(2):
            reset = {"token": token, "new_password": "a kettle of fish"}
            await client.post("/auth/password-reset/confirm", json=reset)
        assert seen(logs) == [
            ("email_change", "success", user.id, user.id),
            ("email_confirmation", "success", None, user.id),
            ("email_confirmation", "failure", None, None),
            ("password_change", "failure", user.id, user.id),
            ("password_change", "success", user.id, user.id),
            ("password_reset", "success", None, user.id),
            ("password_reset", "failure", None, None),
        ]

    async def test_deletion_is_recorded_once_it_is_committed(
        self, user_client: AppClient, user: Account, logs: list[EventDict]
    ) -> None:
        wrong = {"current_password": "wrong"}
        assert_status(await user_client.post("/users/me/deletion", json=wrong), 403)
        assert_status(await delete_me(user_client, user), 204)
        assert seen(logs) == [
            ("account_deletion", "failure", user.id, user.id),
            ("account_deletion", "success", user.id, user.id),
        ]

    async def test_deletion_that_is_rolled_back_is_not_recorded(
        self, session: WriteSession, state: UsersState, logs: list[EventDict]
    ) -> None:
        with state.events.recorded("account_deletion", actor=1, target=1, session=session):
            pass
        await session.rollback()
        assert seen(logs) == []


class TestAdministrators:
    async def test_actions_of_administrators_are_recorded(
        self, admin_client: AppClient, admin: Account, user: Account, logs: list[EventDict]
    ) -> None:
        path = f"/admin/users/{user.id}"
        for body in ({"name": "Ada"}, {"role": "admin"}, {"role": "user", "is_active": False}):
            assert_status(await admin_client.patch(path, json=body), 200)
        assert_status(await admin_client.delete(path), 204)
        demotion = await admin_client.patch(f"/admin/users/{admin.id}", json={"role": "user"})
        assert_status(demotion, 409)
        assert seen(logs) == [
            ("account_change", "success", admin.id, user.id),
            ("role_change", "success", admin.id, user.id),
            ("role_change", "success", admin.id, user.id),
            ("account_deletion", "success", admin.id, user.id),
            ("role_change", "failure", admin.id, admin.id),
        ]

    async def test_user_at_a_route_of_administrators_is_recorded(
        self, user_client: AppClient, user: Account, logs: list[EventDict]
    ) -> None:
        assert_status(await user_client.get("/admin/users/"), 403)
        assert seen(logs) == [("access", "failure", user.id, None)]


class TestRefusals:
    async def test_request_without_a_valid_token_is_recorded(
        self, client: AppClient, logs: list[EventDict]
    ) -> None:
        assert_status(await client.get("/users/me"), 401)
        headers = {"Authorization": "Bearer nonsense"}
        assert_status(await client.get("/users/me", headers=headers), 401)
        assert_status(await client.get("/internal/users/", headers=headers), 401)
        assert_status(await client.post("/auth/refresh", json={"refresh_token": "nonsense"}), 401)
        assert seen(logs) == [("access", "failure", None, None)] * 4
        reasons = [line["reason"] for line in logs if line["event"] == "security_event"]
        assert reasons == [
            *("not_authenticated", "invalid_token", "invalid_token", "invalid_refresh_token")
        ]

    async def test_token_of_a_session_that_has_ended_is_recorded_with_its_account(
        self, user_client: AppClient, user: Account, logs: list[EventDict]
    ) -> None:
        await delete_me(user_client, user)
        assert_status(await user_client.get("/users/me"), 401)
        assert seen(logs)[1:] == [("access", "failure", user.id, None)]

    async def test_token_of_another_kind_is_recorded_with_its_holder(
        self, client: AppClient, state: UsersState, logs: list[EventDict]
    ) -> None:
        issued = await state.issuer.for_service(
            "orders", audience=INTERNAL_AUDIENCE, scopes=["other"]
        )
        headers = {"Authorization": f"Bearer {issued.access_token}"}
        assert_status(await client.get("/internal/users/", headers=headers), 403)
        [line] = [line for line in logs if line["event"] == "security_event"]
        assert (line["actor"], line["reason"]) == ("orders", "forbidden")


class TestServices:
    async def test_service_that_signs_in_or_fails_is_recorded(
        self, client: AppClient, session: WriteSession, logs: list[EventDict]
    ) -> None:
        secret = await register(
            session, "items", audiences=[INTERNAL_AUDIENCE], scopes=[READ_SCOPE]
        )
        await session.commit()
        for given, status in [(secret, 200), ("wrong", 401)]:
            grant = {"grant_type": "client_credentials"}
            answer = await client.post("/auth/token", data=grant, auth=("items", given))
            assert_status(answer, status)
        outcomes = ("success", "failure")
        assert seen(logs) == [("client_sign_in", outcome, None, None) for outcome in outcomes]


class TestCommands:
    @pytest.mark.parametrize(
        ("command", "action"),
        [
            (
                ["create-client", "orders", "--audience", "items", "--scope", "x"],
                "client_registration",
            ),
            (["create-admin", "--email", "ada@example.com"], "account_creation"),
            (["rotate-keys"], "key_rotation"),
        ],
        ids=str,
    )
    def test_command_of_an_operator_is_recorded(
        self, spare_database_url: str, command: list[str], action: str
    ) -> None:
        outcome = Operator(spare_database_url).run(*command, USERS_ADMIN_PASSWORD="a long password")
        line = json.loads(outcome.error)
        assert (line["event"], line["action"], line["actor"]) == (
            "security_event",
            action,
            "operator",
        )
        assert line["target"]
        assert "ada@example.com" not in outcome.error


async def test_events_are_counted_and_every_series_exists_from_the_start(
    client: AppClient, session: WriteSession, state: UsersState
) -> None:
    user = await create_account(session, state)

    async def count(action: str, outcome: str) -> float:
        name = f'security_events_total{{action="{action}",outcome="{outcome}"}} '
        text = (await client.get("/metrics")).text
        return float(text.partition(name)[2].split()[0])

    before = await count("sign_in", "success")
    await log_in(client, user)
    assert await count("sign_in", "success") == before + 1
    assert await count("refresh_token_reuse", "success") == 0  # it never succeeds
