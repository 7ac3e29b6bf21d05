"""What docs/transactions.md says of this service: what is atomic, and in which order rows are locked."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Select, select
from sqlalchemy import delete as delete_rows
from sqlalchemy.pool import QueuePool
from sqlmodel import col

from app.dependencies import UsersState
from app.errors import InvalidRefreshToken
from app.jobs.pruning import KEEP, prune
from app.models import (
    MailKind,
    MailToken,
    QueuedMail,
    RefreshFamily,
    RefreshToken,
    SigningKey,
    Throttle,
    User,
)
from app.repositories.mails import MailRepository
from app.repositories.refresh_tokens import RefreshTokenRepository
from app.repositories.signing_keys import SigningKeyRepository
from app.repositories.users import UserRepository
from app.schemas import AdminPatch
from app.services import accounts, email_addresses, password_reset, refresh_tokens, signing_keys
from app.services.access_tokens import TokenIssuer
from app.services.attempts import Attempts
from app.services.callers import Caller
from app.services.mails import issue_token, queue_mail
from app.services.passwords import PasswordHasher, never_gone
from app.services.security_events import SecurityEvents
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.events.outbox.models import OutboxEvent, OutboxStream
from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient, as_user
from service_testing.locks import assert_lock_order, until_blocked
from tests.factories import Account, create_account, create_user_data
from tests.helpers import log_in
from tests.mailer import Mailer

pytestmark = pytest.mark.committed

NEW_PASSWORD = "a quite different password"
TABLES = (
    User,
    RefreshFamily,
    RefreshToken,
    MailToken,
    QueuedMail,
    SigningKey,
    OutboxEvent,
    OutboxStream,
)
CALLER = Caller(address="192.0.2.1", user_agent=None, has_gone=never_gone)

Do = Callable[[AppClient, Account, str], Awaitable[Any]]


@pytest.fixture
def postgres(database: Database) -> Database:
    if database.is_sqlite:
        pytest.skip("SQLite has one write transaction at a time")
    return database


def fails(*_: object, **__: object) -> None:
    raise ZeroDivisionError


async def everything(database: Database) -> list[Any]:
    async with database.read_session().connection() as connection:
        tables = [User.metadata.tables[str(table.__tablename__)] for table in TABLES]
        rows = [await connection.execute(select(t).order_by(*t.primary_key)) for t in tables]
        return [tuple(row) for result in rows for row in result]


async def register(client: AppClient, _: Account, __: str) -> Any:
    return await client.post("/users/", json=create_user_data())


async def rename(client: AppClient, user: Account, _: str) -> Any:
    return await as_user(client, user.token).patch("/users/me", json={"name": "New"})


async def sign_in(client: AppClient, user: Account, _: str) -> Any:
    form = {"username": user.email, "password": user.password}
    return await client.post("/auth/token", data=form)


async def use_refresh_token(client: AppClient, _: Account, refresh_token: str) -> Any:
    return await client.post("/auth/refresh", json={"refresh_token": refresh_token})


async def change_password(client: AppClient, user: Account, _: str = "") -> Any:
    body = {"current_password": user.password, "new_password": NEW_PASSWORD}
    return await as_user(client, user.token).put("/users/me/password", json=body)


async def delete(client: AppClient, user: Account, _: str) -> Any:
    body = {"current_password": user.password}
    return await as_user(client, user.token).post("/users/me/deletion", json=body)


class TestAtomic:
    """If the last statement of a transaction fails, nothing of it is stored."""

    @pytest.mark.parametrize(
        ("do", "last"),
        [
            (register, (accounts, "queue_mail")),
            (rename, (accounts, "write_user_event")),
            (delete, (accounts, "write_user_event")),
            (sign_in, (RefreshTokenRepository, "add_token")),
            (use_refresh_token, (RefreshTokenRepository, "add_token")),
            (use_refresh_token, (TokenIssuer, "for_user")),
            (change_password, (password_reset, "queue_mail")),
        ],
    )
    async def test_request_whose_last_statement_fails_stores_nothing(
        self,
        client: AppClient,
        session: WriteSession,
        state: UsersState,
        database: Database,
        monkeypatch: pytest.MonkeyPatch,
        do: Do,
        last: tuple[object, str],
    ) -> None:
        user = await create_account(session, state)
        refresh_token = await log_in(client, user)
        before = await everything(database)
        with monkeypatch.context() as patch:
            patch.setattr(*last, fails)
            assert_error_response(await do(client, user, refresh_token), 500, "internal_error")
        assert await everything(database) == before
        assert (await do(client, user, refresh_token)).is_success

    async def test_token_for_a_new_password_is_used_only_with_its_effect(
        self,
        session: WriteSession,
        state: UsersState,
        database: Database,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        token = await _mail_token(session, await create_account(session, state), "reset_password")
        before = await everything(database)
        with monkeypatch.context() as patch:
            patch.setattr(password_reset, "queue_mail", fails)
            with pytest.raises(ZeroDivisionError):
                await state.password_reset.confirm(token, NEW_PASSWORD, CALLER)
        assert await everything(database) == before
        await state.password_reset.confirm(token, NEW_PASSWORD, CALLER)

    @pytest.mark.parametrize("change", [AdminPatch(is_active=False), None], ids=["off", "promote"])
    async def test_end_of_sessions_belongs_to_the_change_of_state(
        self,
        session: WriteSession,
        state: UsersState,
        database: Database,
        monkeypatch: pytest.MonkeyPatch,
        change: AdminPatch | None,
    ) -> None:
        user = await create_account(session, state)
        before = await everything(database)
        monkeypatch.setattr(RefreshTokenRepository, "revoke_families_of", fails)
        with pytest.raises(ZeroDivisionError):
            await database.transact(
                lambda changing: (
                    accounts.change(changing, user.id, change)
                    if change
                    else accounts.promote(changing, user.id)
                )
            )
        assert await everything(database) == before

    async def test_old_key_expires_only_with_a_new_one(
        self, state: UsersState, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = await everything(database)
        monkeypatch.setattr(SigningKeyRepository, "add", fails)
        with pytest.raises(ZeroDivisionError):
            await database.transact(
                lambda session: signing_keys.rotate(session, state.settings, at_once=True)
            )
        assert await everything(database) == before


class TestSlowWork:
    """No transaction is open meanwhile: it would use a connection, and locks."""

    @pytest.mark.parametrize("do", [register, sign_in, change_password, delete])
    async def test_none_is_open_while_a_password_is_hashed(
        self,
        client: AppClient,
        session: WriteSession,
        state: UsersState,
        monkeypatch: pytest.MonkeyPatch,
        do: Do,
    ) -> None:
        user = await create_account(session, state)
        seen = _watch(monkeypatch, state.database, PasswordHasher, "_run")
        assert (await do(client, user, "")).is_success
        assert set(seen) == {0}

    async def test_none_is_open_while_a_new_password_by_mail_is_hashed(
        self, session: WriteSession, state: UsersState, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = await _mail_token(session, await create_account(session, state), "reset_password")
        seen = _watch(monkeypatch, state.database, PasswordHasher, "_run")
        await state.password_reset.confirm(token, NEW_PASSWORD, CALLER)
        assert seen == [0]

    async def test_none_is_open_while_a_mail_is_sent(
        self,
        session: WriteSession,
        state: UsersState,
        mailer: Mailer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        user = await create_account(session, state)
        await queue_mail(session, "verify_email", user.email, user.id)
        await session.commit()
        seen = _watch(monkeypatch, state.database, type(mailer.postbox), "send")
        assert len(await mailer.delivered()) == 1
        assert seen == [0]


class TestPasswordThatChangesMeanwhile:
    """The password was right when it was compared, and isn't any more when the answer would be stored."""

    @pytest.fixture
    def change_after_comparing(
        self, client: AppClient, user: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Change the password when a comparison with the old one has just succeeded."""
        verify = PasswordHasher.verify

        async def verify_and_wait(hasher: PasswordHasher, *arguments: Any) -> Any:
            result = await verify(hasher, *arguments)
            monkeypatch.setattr(PasswordHasher, "verify", verify)
            assert_status(await change_password(client, user), 204)
            return result

        monkeypatch.setattr(PasswordHasher, "verify", verify_and_wait)

    @pytest.fixture
    async def user(self, session: WriteSession, state: UsersState) -> Account:
        return await create_account(session, state)

    @pytest.mark.usefixtures("change_after_comparing")
    async def test_sign_in_with_the_old_password_is_refused(
        self, client: AppClient, user: Account, database: Database
    ) -> None:
        assert_error_response(await sign_in(client, user, ""), 401, "invalid_credentials")
        assert await _sessions(database) == []
        form = {"username": user.email, "password": NEW_PASSWORD}
        assert_status(await client.post("/auth/token", data=form), 200)

    async def test_sign_in_to_an_account_that_is_deactivated_meanwhile_is_refused(
        self,
        client: AppClient,
        user: Account,
        database: Database,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        verify = PasswordHasher.verify

        async def verify_and_deactivate(hasher: PasswordHasher, *arguments: Any) -> Any:
            result = await verify(hasher, *arguments)
            await database.transact(partial(_deactivate, user_id=user.id))
            return result

        monkeypatch.setattr(PasswordHasher, "verify", verify_and_deactivate)
        assert_error_response(await sign_in(client, user, ""), 401, "invalid_credentials")
        assert await _sessions(database) == []

    @pytest.mark.usefixtures("change_after_comparing")
    async def test_second_change_with_the_old_password_is_refused(
        self, client: AppClient, user: Account
    ) -> None:
        body = {"current_password": user.password, "new_password": "the thief's password"}
        response = await as_user(client, user.token).put("/users/me/password", json=body)
        assert_error_response(response, 403, "wrong_password")

    @pytest.mark.usefixtures("change_after_comparing")
    async def test_deletion_with_the_old_password_is_refused(
        self, client: AppClient, user: Account, database: Database
    ) -> None:
        assert_error_response(await delete(client, user, ""), 401, "invalid_token")
        assert await database.read_session().scalar(select(col(User.id))) == user.id


class TestLockOrder:
    async def test_administrators_are_locked_in_the_order_of_their_ids(
        self, postgres: Database, session: WriteSession, state: UsersState
    ) -> None:
        first, second = [await create_account(session, state, role="admin") for _ in range(2)]
        for removed in (first, second):
            for remove in (accounts.delete, _demote):
                await assert_lock_order(
                    postgres,
                    partial(remove, user_id=removed.id),
                    first=_user(first.id),
                    later=_user(second.id),
                )

    async def test_account_is_locked_before_its_sessions(
        self, postgres: Database, session: WriteSession, state: UsersState, client: AppClient
    ) -> None:
        user = await create_account(session, state)
        await log_in(client, user)
        for end_sessions in (_deactivate, accounts.promote):
            await assert_lock_order(
                postgres,
                partial(end_sessions, user_id=user.id),
                first=_user(user.id),
                later=select(col(RefreshFamily.id)),
            )

    async def test_account_is_locked_before_its_mail_tokens(
        self, postgres: Database, session: WriteSession, state: UsersState
    ) -> None:
        user = await create_account(session, state)
        reset = await _mail_token(session, user, "reset_password")
        verification = await _mail_token(session, user, "verify_email")

        async def set_password(_: WriteSession) -> None:
            await state.password_reset.confirm(reset, NEW_PASSWORD, CALLER)

        async def confirm_address(confirming: WriteSession) -> None:
            reads = postgres.read_session()
            await email_addresses.confirm(reads, confirming, verification, SecurityEvents())

        for use in (confirm_address, set_password):
            later = select(col(MailToken.token_hash))
            await assert_lock_order(postgres, use, first=_user(user.id), later=later)

    async def test_session_is_locked_before_its_refresh_token(
        self, postgres: Database, session: WriteSession, state: UsersState, client: AppClient
    ) -> None:
        token = await log_in(client, await create_account(session, state))
        await assert_lock_order(
            postgres,
            lambda using: refresh_tokens.exchange(using, token, state.sign_in._limits),
            first=select(col(RefreshFamily.id)),
            later=select(col(RefreshToken.token_hash)),
        )

    async def test_counters_of_attempts_are_locked_in_the_order_of_their_keys(
        self, postgres: Database, state: UsersState
    ) -> None:
        limits = {"attempts_per_address": 9, "attempts_per_account": 9}
        limits["attempts_per_account_and_address"] = 9
        settings = state.settings.model_copy(update=limits)
        attempts = Attempts(postgres, settings, SecurityEvents())
        for number in range(5):  # their keys are random: by luck, some are in the right order
            account = f"user{number}@example.com"
            await attempts.count(CALLER, account)
            keys = [row.key for row in await postgres.read_session().all(select(col(Throttle.key)))]
            async with postgres.transaction() as session:
                await session.exec(delete_rows(Throttle))
            async with postgres.transaction() as session:
                for key in keys:
                    session.add(Throttle(key=key, tat=0))
            key = col(Throttle.key)
            await assert_lock_order(
                postgres,
                partial(_count, attempts, account),
                first=select(key).where(key == min(keys)),
                later=select(key).where(key != min(keys)),
            )
            async with postgres.transaction() as session:
                await session.exec(delete_rows(Throttle))


class TestLocks:
    async def test_refresh_waits_for_the_end_of_its_session(
        self, postgres: Database, session: WriteSession, state: UsersState, client: AppClient
    ) -> None:
        user = await create_account(session, state)
        token = await log_in(client, user)
        async with postgres.transaction() as ending:
            await refresh_tokens.revoke_all(ending, user.id)
            refreshing = asyncio.create_task(state.sign_in.refresh(token))
            await until_blocked(postgres)
        with pytest.raises(InvalidRefreshToken):
            await refreshing

    async def test_two_sign_ins_of_an_account_wait_for_each_other(
        self,
        postgres: Database,
        session: WriteSession,
        state: UsersState,
        client: AppClient,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Else each could leave the other's session in addition to the most that an account may have."""
        user = await create_account(session, state)
        stored = await _password_hash(postgres, user.id)
        async with postgres.transaction() as first:
            await UserRepository(first).replace_password_hash(user.id, expected=stored, new=stored)
            second = asyncio.create_task(log_in(client, user))
            await until_blocked(postgres)
        await second

    async def test_two_replicas_send_different_mails(
        self, postgres: Database, session: WriteSession
    ) -> None:
        for _ in range(2):
            await queue_mail(session, "reset_password", "ada@example.com")
        await session.commit()
        async with postgres.transaction() as one, postgres.transaction() as other:
            leased = [await MailRepository(s).lease(limit=1, seconds=60) for s in (one, other)]
        assert len({mail.id for mails in leased for mail in mails}) == 2

    async def test_mail_that_is_withdrawn_while_its_account_is_locked_is_not_sent(
        self, postgres: Database, session: WriteSession, state: UsersState, mailer: Mailer
    ) -> None:
        user = await create_account(session, state)
        await queue_mail(session, "verify_email", user.email, user.id)
        await session.commit()
        async with postgres.transaction() as changing:
            await UserRepository(changing).get_for_update(user.id)
            sending = asyncio.create_task(mailer.delivered())
            await until_blocked(postgres)
            await MailRepository(changing).withdraw(user.id)
        assert await sending == []

    async def test_one_transaction_prunes_at_a_time(self, postgres: Database) -> None:
        """Two that delete the same rows could deadlock."""
        async with postgres.transaction() as first:
            await prune(first, keep=KEEP)
            second = asyncio.create_task(postgres.transact(partial(prune, keep=KEEP)))
            await until_blocked(postgres)
        await second

    async def test_keys_are_created_and_rotated_by_one_transaction_at_a_time(
        self, postgres: Database, state: UsersState
    ) -> None:
        async def create_first(session: WriteSession) -> None:
            await signing_keys.ensure_key(session, None)

        async def rotate(session: WriteSession) -> None:
            await signing_keys.rotate(session, state.settings, at_once=True)
            await session.rollback()  # tests share the keys

        for work in (create_first, rotate):
            async with postgres.transaction() as first:
                await SigningKeyRepository(first).lock()
                second = asyncio.create_task(postgres.transact(work))
                await until_blocked(postgres)
            await second


async def _count(attempts: Attempts, account: str, _: WriteSession) -> None:
    await attempts.count(CALLER, account)


async def _demote(session: WriteSession, user_id: int) -> object:
    return await accounts.change(session, user_id, AdminPatch(role="user"))


async def _deactivate(session: WriteSession, user_id: int) -> object:
    return await accounts.change(session, user_id, AdminPatch(is_active=False))


async def _mail_token(session: WriteSession, user: Account, kind: MailKind) -> str:
    token = await issue_token(session, kind, user.id, user.email)
    await session.commit()
    return token


def _watch(
    monkeypatch: pytest.MonkeyPatch, database: Database, owner: type, method: str
) -> list[int]:
    """How many transactions are open at each call of the method."""
    seen: list[int] = []
    call = getattr(owner, method)

    async def watched(*arguments: Any) -> Any:
        pool = database.write_engine.pool
        assert isinstance(pool, QueuePool)
        seen.append(pool.checkedout())
        return await call(*arguments)

    monkeypatch.setattr(owner, method, watched)
    return seen


def _user(user_id: int) -> Select[Any]:
    return select(col(User.id)).where(col(User.id) == user_id)


async def _sessions(database: Database) -> list[Any]:
    live = select(col(RefreshFamily.id)).where(col(RefreshFamily.revoked_at).is_(None))
    return list(await database.read_session().all(live))


async def _password_hash(database: Database, user_id: int) -> str:
    hash_ = select(col(User.password_hash)).where(col(User.id) == user_id)
    return str(await database.read_session().scalar(hash_))
