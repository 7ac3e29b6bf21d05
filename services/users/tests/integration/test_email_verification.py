"""`POST /auth/email-verification`, and addresses that count once they are confirmed."""

import asyncio

import httpx
import pytest
from sqlmodel import select

from app.dependencies import UsersState
from app.models import MailToken
from app.services.mails import hash_token
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response, assert_status, assert_validation_error
from service_testing.client import AppClient, as_user
from service_testing.frozen_time import FrozenTime
from tests.factories import Account, create_account, create_user_data
from tests.helpers import assert_user_response, delete_me, email_change
from tests.mailer import Mailer

NEW = "new@example.com"


async def confirm(client: AppClient, token: str) -> httpx.Response:
    return await client.post("/auth/email-verification/confirm", json={"token": token})


async def assert_refused(client: AppClient, token: str) -> None:
    assert_error_response(await confirm(client, token), 400, "invalid_or_expired_token")


async def change_email(user_client: AppClient, user: Account, email: str = NEW) -> None:
    response = await user_client.patch("/users/me", json=email_change(user, email))
    assert_user_response(response, email=user.email)


class TestRequestVerification:
    async def test_request_without_token_returns_401(self, client: AppClient) -> None:
        response = await client.post("/auth/email-verification")
        assert_error_response(response, 401, "not_authenticated")

    async def test_request_sends_a_mail_until_the_address_is_verified(
        self, user_client: AppClient, user: Account, mailer: Mailer
    ) -> None:
        assert_status(await user_client.post("/auth/email-verification"), 202)
        (mail,) = await mailer.delivered()
        assert mail.recipient == user.email
        assert "https://app.example.com/verify-email#token=" in mail.text
        token = mail.text.partition("#token=")[2].split()[0]
        assert_status(await confirm(user_client, token), 204)
        me = assert_user_response(await user_client.get("/users/me"), email=user.email)
        assert me["email_verified"] is True
        assert_status(await user_client.post("/auth/email-verification"), 202)
        assert await mailer.delivered() == []


class TestRegistration:
    async def test_registration_sends_a_mail_and_its_token_verifies_the_address(
        self, client: AppClient, mailer: Mailer
    ) -> None:
        data = create_user_data()
        body = assert_user_response(await client.post("/users/", json=data), status=201)
        assert body["email_verified"] is False
        assert_status(await confirm(client, await mailer.token()), 204)
        assert await mailer.delivered() == []  # nobody has to be told

    async def test_refused_registration_sends_no_mail(
        self, client: AppClient, user: Account, mailer: Mailer
    ) -> None:
        taken = await client.post("/users/", json=create_user_data(email=user.email))
        assert_status(taken, 409)
        assert await mailer.delivered() == []


class TestConfirm:
    async def test_confirm_with_an_unknown_token_returns_400(self, client: AppClient) -> None:
        await assert_refused(client, "unknown")

    @pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": "t" * 513}], ids=str)
    async def test_confirm_with_an_invalid_body_returns_422(
        self, client: AppClient, body: dict[str, str]
    ) -> None:
        response = await client.post("/auth/email-verification/confirm", json=body)
        assert_validation_error(response, ["body", "token"])

    async def test_token_works_once(
        self, client: AppClient, user_client: AppClient, mailer: Mailer
    ) -> None:
        await user_client.post("/auth/email-verification")
        token = await mailer.token()
        assert_status(await confirm(client, token), 204)
        await assert_refused(client, token)

    async def test_token_expires_after_a_day(
        self, client: AppClient, user_client: AppClient, mailer: Mailer, frozen_time: FrozenTime
    ) -> None:
        await user_client.post("/auth/email-verification")
        token = await mailer.token()
        frozen_time.tick(hours=24)
        await assert_refused(client, token)

    async def test_token_of_another_kind_is_refused(
        self, client: AppClient, user: Account, mailer: Mailer
    ) -> None:
        await client.post("/auth/password-reset", json={"email": user.email})
        await assert_refused(client, await mailer.token())

    async def test_token_of_a_deactivated_or_deleted_account_is_refused(
        self,
        user_client: AppClient,
        user: Account,
        admin_client: AppClient,
        session: WriteSession,
        mailer: Mailer,
    ) -> None:
        await user_client.post("/auth/email-verification")
        token = await mailer.token()
        path = f"/admin/users/{user.id}"
        assert_status(await admin_client.patch(path, json={"is_active": False}), 200)
        await assert_refused(user_client, token)
        assert_status(await admin_client.delete(path), 204)
        await assert_refused(user_client, token)
        assert (await session.exec(select(MailToken))).all() == []

    async def test_only_a_hash_of_the_token_is_stored(
        self, user_client: AppClient, session: WriteSession, mailer: Mailer
    ) -> None:
        await user_client.post("/auth/email-verification")
        token = await mailer.token()
        stored = (await session.exec(select(MailToken))).one()
        assert stored.token_hash == hash_token(token)
        assert token not in str(stored.model_dump())


class TestNewAddress:
    async def test_new_address_counts_once_it_is_confirmed_and_the_old_one_is_told(
        self, client: AppClient, user_client: AppClient, user: Account, mailer: Mailer
    ) -> None:
        await change_email(user_client, user)
        (mail,) = await mailer.delivered()
        assert mail.recipient == NEW
        token = mail.text.partition("#token=")[2].split()[0]
        for email, statuses in [(NEW, [401, 200]), (user.email, [200, 401])]:
            form = {"username": email, "password": user.password}
            assert_status(await client.post("/auth/token", data=form), statuses[0])
        assert_status(await confirm(client, token), 204)
        for email, status in [(NEW, 200), (user.email, 401)]:
            form = {"username": email, "password": user.password}
            assert_status(await client.post("/auth/token", data=form), status)
        me = assert_user_response(await user_client.get("/users/me"), email=NEW)
        assert me["email_verified"] is True
        (notice,) = await mailer.delivered()
        assert notice.recipient == user.email
        assert "has another e-mail address now" in notice.text
        assert NEW not in notice.text

    async def test_new_address_may_differ_in_case_only(
        self, user_client: AppClient, user: Account, mailer: Mailer
    ) -> None:
        other_case = user.email.swapcase().replace("EXAMPLE.COM", "example.com")
        await change_email(user_client, user, other_case)
        assert_status(await confirm(user_client, await mailer.token()), 204)
        assert_user_response(await user_client.get("/users/me"), email=other_case)

    async def test_later_request_replaces_an_earlier_one(
        self, user_client: AppClient, user: Account, mailer: Mailer
    ) -> None:
        await change_email(user_client, user, "first@example.com")
        first = await mailer.token()
        await change_email(user_client, user, "unsent@example.com")
        await change_email(user_client, user)
        await assert_refused(user_client, first)
        (mail,) = await mailer.delivered()
        assert mail.recipient == NEW

    async def test_change_of_the_password_withdraws_a_new_address(
        self, user_client: AppClient, user: Account, mailer: Mailer
    ) -> None:
        await change_email(user_client, user)
        token = await mailer.token()
        body = {"current_password": user.password, "new_password": "another password"}
        assert_status(await user_client.put("/users/me/password", json=body), 204)
        await assert_refused(user_client, token)

    async def test_address_that_was_taken_meanwhile_returns_409(
        self, client: AppClient, user_client: AppClient, user: Account, mailer: Mailer
    ) -> None:
        await change_email(user_client, user)
        token = await mailer.token()
        taken = await client.post("/users/", json=create_user_data(email=NEW))
        assert_status(taken, 201)
        assert_error_response(await confirm(client, token), 409, "email_taken")
        assert_user_response(await user_client.get("/users/me"), email=user.email)


@pytest.mark.committed
class TestRaces:
    async def test_only_one_of_concurrent_confirmations_of_one_address_succeeds(
        self, client: AppClient, session: WriteSession, state: UsersState, mailer: Mailer
    ) -> None:
        users = [await create_account(session, state) for _ in range(6)]
        tokens = []
        for user in users:
            await change_email(as_user(client, user.token), user)
            tokens.append(await mailer.token())
        responses = await asyncio.gather(*(confirm(client, token) for token in tokens))
        statuses = sorted(response.status_code for response in responses)
        assert statuses == [204] + [409] * 5

    async def test_concurrent_uses_of_a_token_succeed_once(
        self, client: AppClient, session: WriteSession, state: UsersState, mailer: Mailer
    ) -> None:
        user = await create_account(session, state)
        await change_email(as_user(client, user.token), user)
        token = await mailer.token()
        responses = await asyncio.gather(*(confirm(client, token) for _ in range(6)))
        assert sorted(response.status_code for response in responses) == [204] + [400] * 5

    async def test_deletion_during_a_confirmation_leaves_nothing(
        self, client: AppClient, session: WriteSession, state: UsersState, mailer: Mailer
    ) -> None:
        users = [await create_account(session, state) for _ in range(6)]
        requests = []
        for number, user in enumerate(users):
            me = as_user(client, user.token)
            await change_email(me, user, f"new{number}@example.com")
            requests += [confirm(client, await mailer.token()), delete_me(me, user)]
        responses = await asyncio.gather(*requests)
        assert {response.status_code for response in responses[::2]} <= {204, 400}
        assert {response.status_code for response in responses[1::2]} == {204}
        assert (await session.exec(select(MailToken))).all() == []
