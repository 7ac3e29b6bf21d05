"""`POST /auth/password-reset`: a new password by mail."""

import asyncio
from typing import Any

import httpx
import pytest

from app.dependencies import UsersState
from app.services.passwords import PasswordHasher
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response, assert_status, assert_validation_error
from service_testing.client import AppClient
from service_testing.frozen_time import FrozenTime
from service_testing.queries import QueryCounter
from tests.factories import Account, create_account
from tests.helpers import assert_login_ended, assert_user_response, log_in
from tests.mailer import Mailer

NEW_PASSWORD = "a kettle of fish"


async def ask(client: AppClient, email: str) -> httpx.Response:
    response = await client.post("/auth/password-reset", json={"email": email})
    assert_status(response, 202)
    assert response.content == b""
    return response


async def confirm(
    client: AppClient, token: str, new_password: str = NEW_PASSWORD
) -> httpx.Response:
    body = {"token": token, "new_password": new_password}
    return await client.post("/auth/password-reset/confirm", json=body)


async def assert_refused(client: AppClient, token: str) -> None:
    assert_error_response(await confirm(client, token), 400, "invalid_or_expired_token")


class TestAsk:
    async def test_mail_goes_to_the_address_as_it_is_registered(
        self, client: AppClient, user: Account, mailer: Mailer
    ) -> None:
        await ask(client, user.email.upper().replace("EXAMPLE.COM", "example.com"))
        (mail,) = await mailer.delivered()
        assert mail.recipient == user.email
        assert "https://app.example.com/reset-password#token=" in mail.text

    async def test_unknown_address_and_inactive_account_get_no_mail(
        self, client: AppClient, session: WriteSession, state: UsersState, mailer: Mailer
    ) -> None:
        inactive = await create_account(session, state, is_active=False)
        for email in ("nobody@example.com", inactive.email):
            await ask(client, email)
        assert await mailer.delivered() == []
        assert mailer.results.labels("reset_password", "dropped")._value.get() == 2

    async def test_answer_and_work_are_the_same_whether_or_not_an_account_has_the_address(
        self, client: AppClient, user: Account, query_counter: QueryCounter
    ) -> None:
        seen = []
        for email in (user.email, "nobody@example.com"):
            query_counter.statements.clear()
            response = await ask(client, email)
            seen.append((response.content, list(query_counter.statements)))
        assert seen[0] == seen[1]

    @pytest.mark.parametrize("body", [{}, {"email": "no address"}, {"email": None}], ids=str)
    async def test_ask_with_an_invalid_address_returns_422(
        self, client: AppClient, body: dict[str, str | None]
    ) -> None:
        response = await client.post("/auth/password-reset", json=body)
        assert_validation_error(response, ["body", "email"])


class TestConfirm:
    async def test_new_password_counts_at_once_and_ends_every_login(
        self, client: AppClient, user: Account, mailer: Mailer
    ) -> None:
        logins = [await log_in(client, user) for _ in range(2)]
        await ask(client, user.email)
        assert_status(await confirm(client, await mailer.token()), 204)
        for login in logins:
            await assert_login_ended(client, login)
        form = {"username": user.email, "password": user.password}
        assert_status(await client.post("/auth/token", data=form), 401)
        assert await log_in(client, user, password=NEW_PASSWORD)

    async def test_holder_is_told_and_the_address_is_verified(
        self, client: AppClient, user: Account, admin_client: AppClient, mailer: Mailer
    ) -> None:
        await ask(client, user.email)
        assert_status(await confirm(client, await mailer.token()), 204)
        (notice,) = await mailer.delivered()
        assert (notice.recipient, notice.subject) == (user.email, "Your password has changed")
        account = await admin_client.get(f"/admin/users/{user.id}")
        assert assert_user_response(account)["email_verified"] is True

    async def test_token_works_once_and_withdraws_the_others(
        self, client: AppClient, user: Account, mailer: Mailer
    ) -> None:
        tokens = []
        for _ in range(2):
            await ask(client, user.email)
            tokens.append(await mailer.token())
        assert_status(await confirm(client, tokens[1]), 204)
        for token in tokens:
            await assert_refused(client, token)

    async def test_token_expires_after_two_hours(
        self, client: AppClient, user: Account, mailer: Mailer, frozen_time: FrozenTime
    ) -> None:
        await ask(client, user.email)
        token = await mailer.token()
        frozen_time.tick(hours=2)
        await assert_refused(client, token)

    async def test_token_that_expires_while_the_password_is_hashed_is_refused(
        self,
        client: AppClient,
        user: Account,
        mailer: Mailer,
        frozen_time: FrozenTime,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        await ask(client, user.email)
        token = await mailer.token()
        hash_ = PasswordHasher.hash

        async def hash_slowly(hasher: PasswordHasher, *arguments: Any) -> str:
            frozen_time.tick(hours=2)
            return await hash_(hasher, *arguments)

        monkeypatch.setattr(PasswordHasher, "hash", hash_slowly)
        await assert_refused(client, token)

    async def test_unknown_token_returns_400(self, client: AppClient) -> None:
        await assert_refused(client, "unknown")

    async def test_token_can_be_used_again_after_a_weak_password(
        self, client: AppClient, user: Account, mailer: Mailer
    ) -> None:
        await ask(client, user.email)
        token = await mailer.token()
        for weak in ("password", user.email, "short"):
            response = await confirm(client, token, weak)
            assert_validation_error(response, ["body", "new_password"])
        assert_status(await confirm(client, token), 204)

    async def test_password_change_withdraws_the_token(
        self, client: AppClient, user_client: AppClient, user: Account, mailer: Mailer
    ) -> None:
        await ask(client, user.email)
        token = await mailer.token()
        body = {"current_password": user.password, "new_password": "another password"}
        assert_status(await user_client.put("/users/me/password", json=body), 204)
        await assert_refused(client, token)


@pytest.mark.committed
async def test_concurrent_uses_of_a_token_succeed_once(
    client: AppClient, session: WriteSession, state: UsersState, mailer: Mailer
) -> None:
    user = await create_account(session, state)
    await ask(client, user.email)
    token = await mailer.token()
    passwords = [f"{NEW_PASSWORD} {number}" for number in range(6)]
    responses = await asyncio.gather(*(confirm(client, token, each) for each in passwords))
    statuses = [response.status_code for response in responses]
    assert sorted(statuses) == [204] + [400] * 5
    assert await log_in(client, user, password=passwords[statuses.index(204)])
