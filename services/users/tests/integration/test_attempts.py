"""Limits on guessing passwords and secrets, per address and per account."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, update
from sqlmodel import col, select

from app.jobs import pruning
from app.main import build_state
from app.models import KnownAddress, Throttle
from app.services.attempts import KNOWN_FOR, Attempts
from app.services.callers import Caller
from app.services.passwords import PasswordHasher
from app.services.security_events import SecurityEvents
from app.settings import UsersSettings
from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.web.errors import Overloaded, TooManyRequests
from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient, app_transport
from tests.factories import Account, create_user_data

Send = Callable[[AppClient, Account], Awaitable[httpx.Response]]


def at(client: AppClient, address: str) -> AppClient:
    """A client of the same app, at another address."""
    return AppClient(httpx.ASGITransport(client.transport.app, client=(address, 1)))


def caller(address: str = "192.0.2.1") -> Caller:
    async def is_there() -> bool:
        return False

    return Caller(address=address, user_agent=None, has_gone=is_there)


async def sign_in(client: AppClient, account: Account, password: str = "") -> httpx.Response:
    """With a wrong password by default."""
    form = {"username": account.email, "password": password or "a wrong password"}
    return await client.post("/auth/token", data=form)


async def change_password(client: AppClient, account: Account) -> httpx.Response:
    body = {"current_password": "a wrong password", "new_password": "another password"}
    headers = {"Authorization": f"Bearer {account.token}"}
    return await client.put("/users/me/password", json=body, headers=headers)


async def change_email(client: AppClient, account: Account) -> httpx.Response:
    body = {"email": "new@example.com", "current_password": "a wrong password"}
    headers = {"Authorization": f"Bearer {account.token}"}
    return await client.patch("/users/me", json=body, headers=headers)


async def delete_account(client: AppClient, account: Account) -> httpx.Response:
    body = {"current_password": "a wrong password"}
    headers = {"Authorization": f"Bearer {account.token}"}
    return await client.post("/users/me/deletion", json=body, headers=headers)


async def ask_for_service_token(client: AppClient, _: Account) -> httpx.Response:
    form = {"grant_type": "client_credentials", "client_id": "orders", "client_secret": "wrong"}
    return await client.post("/auth/token", data=form)


async def register(client: AppClient, _: Account) -> httpx.Response:
    return await client.post("/users/", json=create_user_data())


def assert_too_many(response: httpx.Response, *, retry_after: int) -> None:
    """Refused for so many seconds, less those that the attempts took on a slow machine."""
    __tracebackhide__ = True
    assert_error_response(response, 429, "too_many_requests")
    assert retry_after / 2 <= int(response.headers["Retry-After"]) <= retry_after


@pytest.fixture
def low_limits(settings: UsersSettings) -> UsersSettings:
    """They are reached soon: 5 attempts per address, 3 per account, 2 per account and address."""
    limits = {
        "attempts_per_address": 5,
        "attempts_per_account": 3,
        "attempts_per_account_and_address": 2,
    }
    return settings.model_copy(update=limits)


@pytest.fixture
def attempts(database: Database, low_limits: UsersSettings) -> Attempts:
    return Attempts(database, low_limits, SecurityEvents())


@pytest.fixture
def limited_client(app: FastAPI, database: Database, low_limits: UsersSettings) -> AppClient:
    """A client of an app with low limits."""
    return AppClient(app_transport(app, state=build_state(low_limits, database)))


class TestAccountAndAddress:
    @pytest.mark.parametrize("send", [sign_in, change_password, change_email, delete_account])
    async def test_attempt_on_an_account_from_an_address_beyond_the_limit_returns_429(
        self, limited_client: AppClient, user: Account, send: Send
    ) -> None:
        refusals = [(await send(limited_client, user)).status_code for _ in range(2)]
        assert set(refusals) <= {401, 403}
        assert_too_many(await send(limited_client, user), retry_after=300)
        assert (await send(at(limited_client, "192.0.2.7"), user)).status_code == refusals[0]

    async def test_eleventh_attempt_on_an_unknown_account_returns_429(
        self, client: AppClient
    ) -> None:
        nobody = Account(id=0, email="nobody@example.com", name="", password="", token="")
        for _ in range(10):
            assert_status(await sign_in(client, nobody), 401)
        assert_too_many(await sign_in(client, nobody), retry_after=60)

    async def test_name_that_is_no_address_uses_up_nothing_else(
        self, limited_client: AppClient, user: Account
    ) -> None:
        """Such as the limit of mails: otherwise the holder couldn't get a new password."""
        names = (f"mail to {user.email}", f"password of {user.email}", "address", "account")
        for number in range(3):
            for name in names:
                form = {"username": name, "password": "a wrong password"}
                sender = at(limited_client, f"192.0.2.{number}")
                assert_status(await sender.post("/auth/token", data=form), 401)
        reset = await limited_client.post("/auth/password-reset", json={"email": user.email})
        assert_status(reset, 202)
        assert_status(await sign_in(limited_client, user, user.password), 200)

    async def test_all_routes_share_the_attempts_on_an_account(
        self, client: AppClient, user: Account
    ) -> None:
        spelled = Account(user.id, user.email.upper(), user.name, user.password, user.token)
        for _ in range(5):
            assert_status(await sign_in(client, spelled), 401)
            assert_status(await change_password(client, user), 403)
        assert_too_many(await sign_in(client, user, user.password), retry_after=60)

    async def test_right_password_resets_the_attempts(
        self, limited_client: AppClient, user: Account
    ) -> None:
        for _ in range(2):
            assert_status(await sign_in(limited_client, user), 401)
            assert_status(await sign_in(limited_client, user, user.password), 200)

    async def test_attempts_come_back_one_by_one(
        self, client: AppClient, user: Account, session: WriteSession
    ) -> None:
        for _ in range(11):
            await sign_in(client, user)
        await session.exec(update(Throttle).values(tat=col(Throttle.tat) - 60))
        await session.commit()
        assert_status(await sign_in(client, user), 401)
        assert_too_many(await sign_in(client, user), retry_after=60)


class TestAccount:
    async def test_attempts_from_many_addresses_are_refused_except_where_the_holder_signed_in(
        self, limited_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        home = at(limited_client, "192.0.2.200")
        assert_status(await sign_in(home, user, user.password), 200)
        for number in range(3):
            await sign_in(at(limited_client, f"192.0.2.{number}"), user)
        assert_too_many(await sign_in(limited_client, user, user.password), retry_after=200)
        assert_status(await sign_in(home, user, user.password), 200)
        await session.exec(update(KnownAddress).values(signed_in_at=utc_now() - KNOWN_FOR))
        await session.commit()
        assert_too_many(await sign_in(home, user, user.password), retry_after=200)


class TestRecipient:
    async def test_eleventh_mail_to_an_address_returns_429_whatever_asks_for_it(
        self, client: AppClient, user_client: AppClient, user: Account
    ) -> None:
        """Nobody can have many mails sent to somebody else, not even with the own password."""
        stranger = "stranger@example.com"
        change = {"email": stranger, "current_password": user.password}
        for _ in range(5):
            assert_status(await user_client.patch("/users/me", json=change), 200)
            reset = await client.post("/auth/password-reset", json={"email": stranger.upper()})
            assert_status(reset, 202)
        assert_too_many(await user_client.patch("/users/me", json=change), retry_after=60)
        assert_too_many(
            await client.post("/auth/password-reset", json={"email": stranger}), retry_after=60
        )
        other = {"email": "other@example.com", "current_password": user.password}
        assert_status(await user_client.patch("/users/me", json=other), 200)


class TestAddress:
    @pytest.mark.parametrize("send", [sign_in, register, ask_for_service_token])
    async def test_address_is_refused_whatever_it_tries(
        self, limited_client: AppClient, user: Account, attempts: Attempts, send: Send
    ) -> None:
        assert (await send(limited_client, user)).status_code in {201, 401}
        for number in range(4):
            await attempts.count(caller("127.0.0.1"), f"user{number}@example.com")
        assert_error_response(await send(limited_client, user), 429, "too_many_requests")
        assert (await send(at(limited_client, "192.0.2.7"), user)).status_code in {201, 401}

    async def test_refused_attempt_is_not_counted(self, attempts: Attempts) -> None:
        for _ in range(2):
            await attempts.count(caller(), "user@example.com")
        for number in range(3):
            with pytest.raises(TooManyRequests):
                await attempts.count(caller(), "user@example.com")
            await attempts.count(caller(), f"user{number}@example.com")
        with pytest.raises(TooManyRequests):
            await attempts.count(caller())

    @pytest.mark.committed
    async def test_as_many_concurrent_attempts_pass_as_the_limit_allows(
        self, attempts: Attempts
    ) -> None:
        results = await asyncio.gather(
            *(attempts.count(caller()) for _ in range(40)), return_exceptions=True
        )
        passed = [result for result in results if result is None]
        refused = [result for result in results if isinstance(result, TooManyRequests)]
        assert (len(passed), len(refused)) == (5, 35)

    async def test_limit_of_zero_is_none(self, database: Database, settings: UsersSettings) -> None:
        limits = (
            "attempts_per_address",
            "attempts_per_account",
            "attempts_per_account_and_address",
        )
        attempts = Attempts(
            database, settings.model_copy(update=dict.fromkeys(limits, 0)), SecurityEvents()
        )
        for _ in range(101):
            await attempts.count(caller(), "user@example.com")


class TestOverload:
    @pytest.mark.parametrize(
        "send", [sign_in, change_password, change_email, delete_account, register]
    )
    async def test_request_whose_password_would_wait_too_long_returns_503(
        self, client: AppClient, user: Account, monkeypatch: pytest.MonkeyPatch, send: Send
    ) -> None:
        def refuse(_: PasswordHasher) -> None:
            raise Overloaded

        monkeypatch.setattr(PasswordHasher, "require_room", refuse)
        response = await send(client, user)
        assert_error_response(response, 503, "overloaded")
        assert response.headers["Retry-After"] == "1"


class TestPrune:
    async def test_prune_deletes_what_limits_nothing_any_more(
        self, session: WriteSession, client: AppClient, user: Account
    ) -> None:
        assert_status(await sign_in(client, user, user.password), 200)
        assert_status(await sign_in(client, user), 401)
        await pruning.prune(session, keep=timedelta())
        assert await _count(session) == (3, 1)
        await session.exec(update(Throttle).values(tat=0))
        await session.exec(update(KnownAddress).values(signed_in_at=utc_now() - KNOWN_FOR))
        await pruning.prune(session, keep=timedelta())
        assert await _count(session) == (0, 0)

    async def test_tables_name_no_address_and_no_account(
        self, session: WriteSession, client: AppClient, user: Account
    ) -> None:
        await sign_in(client, user)
        keys = (await session.exec(select(Throttle.key))).all()
        assert len(keys) == 3
        assert {len(bytes.fromhex(key)) for key in keys} == {32}


async def _count(session: WriteSession) -> tuple[int, int]:
    """The numbers of throttles and known addresses."""
    return (
        (await session.exec(select(func.count()).select_from(Throttle))).one(),
        (await session.exec(select(func.count()).select_from(KnownAddress))).one(),
    )
