"""The database itself refuses what the app would never store."""

from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import SQLModel, col, select

from app.models import (
    OutboxEvent,
    OutboxStream,
    OutboxSubscriber,
    ParkedEvent,
    RefreshFamily,
    RefreshToken,
    ServiceClient,
    SigningKey,
    User,
)
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession
from service_testing.isolation import IsolatedDatabase

TOO_LARGE_ID = 2**63


def row(model: type[SQLModel], **changes: Any) -> dict[str, Any]:
    """A valid row with these changes."""
    now = utc_now()
    good: dict[type[SQLModel], dict[str, Any]] = {
        User: {
            "id": 1001,
            "email": "ada@example.com",
            "email_key": "ada@example.com",
            "name": "Ada",
            "search_text": "ada\nada@example.com",
            "password_hash": "hash",
            "role": "user",
            "is_active": True,
            "version": 1,
            "created_at": now,
        },
        RefreshFamily: {"id": 2001, "user_id": 1001, "created_at": now, "expires_at": now},
        RefreshToken: {"token_hash": "hash", "family_id": 2001},
        SigningKey: {"key_id": "another", "private_pem": "pem", "activates_at": now},
        ServiceClient: {
            "client_id": "items",
            "secret_hash": "hash",
            "audiences": ["users-internal"],
            "scopes": ["users:read"],
            "created_at": now,
        },
        OutboxEvent: {
            "id": 3001,
            "event_id": "5f6c2f2e-6a50-4f6e-8f6f-0d5a3a3c8d4b",
            "aggregate_id": 1001,
            "version": 1,
            "type": "user.created",
            "data": {},
            "occurred_at": now,
        },
        OutboxSubscriber: {"name": "items", "registered_at": now},
        OutboxStream: {
            "aggregate_id": 1001,
            "subscriber": "items",
            "next_version": 1,
            "due_at": now,
            "failures": 0,
        },
        ParkedEvent: {
            "event_number": 3001,
            "subscriber": "items",
            "parked_at": now,
            "reason": "status 400",
        },
    }
    return {**good[model], **changes}


MODELS = (
    User,
    RefreshFamily,
    RefreshToken,
    SigningKey,
    ServiceClient,
    OutboxEvent,
    OutboxSubscriber,
    OutboxStream,
    ParkedEvent,
)


@pytest.fixture
async def good_rows(session: WriteSession) -> None:
    for model in MODELS:
        await session.exec(insert(model).values(**row(model)))
    await session.commit()


async def assert_refused(session: WriteSession, model: type[SQLModel], **changes: Any) -> None:
    """The database refuses the changes, and not the row without them."""
    __tracebackhide__ = True
    with pytest.raises(DBAPIError) as refusal:
        await session.exec(insert(model).values(**row(model, **changes)))
    assert isinstance(refusal.value, IntegrityError) or "too long" in str(refusal.value)
    await session.rollback()


REQUIRED = [(model, column) for model in MODELS for column in row(model) if column != "id"]


class TestConstraints:
    @pytest.mark.usefixtures("good_rows")
    async def test_valid_rows_are_stored(self, session: WriteSession) -> None:
        assert (await session.exec(select(RefreshToken))).one().family_id == 2001

    @pytest.mark.parametrize(("model", "column"), REQUIRED)
    async def test_null_is_refused(
        self, session: WriteSession, model: type[SQLModel], column: str
    ) -> None:
        if model is not User:
            await session.exec(insert(User).values(**row(User)))
        if model is RefreshToken:
            await session.exec(insert(RefreshFamily).values(**row(RefreshFamily)))
        await session.commit()
        await assert_refused(session, model, **{column: None})

    @pytest.mark.parametrize(
        "change",
        [
            {"name": ""},
            {"name": "  "},
            {"name": "n" * 121},
            {"email": "a@"},
            {"email": "e" * 255},
            {"role": "root"},
            {"role": ""},
            {"version": 0},
            {"version": -1},
        ],
        ids=str,
    )
    async def test_account_beyond_a_limit_is_refused(
        self, session: WriteSession, change: dict[str, Any]
    ) -> None:
        await assert_refused(session, User, **change)

    @pytest.mark.parametrize(
        "change", [{"name": "n" * 120}, {"email": "e" * 254}, {"role": "admin"}], ids=str
    )
    async def test_account_at_the_limits_is_stored(
        self, session: WriteSession, change: dict[str, Any]
    ) -> None:
        await session.exec(insert(User).values(**row(User, **change)))
        assert (await session.exec(select(col(User.id)))).all() == [1001]

    @pytest.mark.usefixtures("good_rows")
    async def test_email_key_is_unique(self, session: WriteSession) -> None:
        await assert_refused(session, User, id=1002, email="ADA@example.com")

    @pytest.mark.usefixtures("good_rows")
    @pytest.mark.parametrize(
        ("model", "change"),
        [
            (User, {"email_key": "other@example.com"}),
            (RefreshFamily, {}),
            (RefreshToken, {}),
            (SigningKey, {}),
            (ServiceClient, {}),
            (OutboxEvent, {"event_id": "another", "version": 2}),
            (OutboxStream, {}),
            (OutboxSubscriber, {}),
            (ParkedEvent, {}),
        ],
    )
    async def test_ids_are_unique(
        self, session: WriteSession, model: type[SQLModel], change: dict[str, Any]
    ) -> None:
        await assert_refused(session, model, **change)

    @pytest.mark.usefixtures("good_rows")
    @pytest.mark.parametrize("change", [{"event_id": "another"}, {"version": 2}], ids=str)
    async def test_event_version_is_unique_for_each_user(
        self, session: WriteSession, change: dict[str, Any]
    ) -> None:
        await assert_refused(session, OutboxEvent, id=3002, **change)

    @pytest.mark.parametrize(
        ("model", "change"),
        [
            (OutboxEvent, {"version": 0}),
            (OutboxStream, {"next_version": 0}),
            (OutboxStream, {"failures": -1}),
            (ParkedEvent, {"event_number": 9999}),
        ],
        ids=str,
    )
    async def test_outbox_in_an_invalid_state_is_refused(
        self, session: WriteSession, model: type[SQLModel], change: dict[str, Any]
    ) -> None:
        await assert_refused(session, model, **change)

    @pytest.mark.usefixtures("good_rows")
    async def test_login_needs_an_account(self, session: WriteSession) -> None:
        await assert_refused(session, RefreshFamily, id=2002, user_id=999)

    @pytest.mark.usefixtures("good_rows")
    async def test_refresh_token_needs_a_login(self, session: WriteSession) -> None:
        await assert_refused(session, RefreshToken, token_hash="other", family_id=999)

    @pytest.mark.usefixtures("good_rows")
    async def test_logins_and_tokens_are_deleted_with_the_account(
        self, session: WriteSession
    ) -> None:
        await session.delete((await session.exec(select(User))).one())
        await session.flush()
        assert (await session.exec(select(RefreshFamily))).all() == []
        assert (await session.exec(select(RefreshToken))).all() == []


class TestIds:
    async def test_ids_are_never_reused(self, session: WriteSession) -> None:
        ids = []
        for _ in range(3):
            user = User(**row(User, id=None))
            session.add(user)
            await session.flush()
            ids.append(user.id)
            await session.delete(user)
            await session.flush()
        assert len(set(ids)) == 3

    async def test_largest_bigint_is_a_valid_id(self, session: WriteSession) -> None:
        session.add(User(**row(User, id=TOO_LARGE_ID - 1)))
        await session.commit()
        assert await session.scalar(select(col(User.id))) == TOO_LARGE_ID - 1


@pytest.mark.committed
class TestReadSession:
    async def test_read_session_refuses_writes(self, database: IsolatedDatabase) -> None:
        async with database.read_session().connection() as connection:
            with pytest.raises(DBAPIError, match=r"readonly|read-only"):
                await connection.execute(insert(User).values(**row(User)))
