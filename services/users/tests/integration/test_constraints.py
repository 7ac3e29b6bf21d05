"""The database itself refuses what the app would never store."""

from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import SQLModel, col, select

from app.models import RefreshFamily, RefreshToken, ServiceClient, SigningKey, User
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession
from chassis.events.outbox.models import (
    OutboxEvent,
    OutboxStream,
    OutboxSubscriber,
    ParkedEvent,
)

NOW = utc_now()
GOOD: dict[type[SQLModel], dict[str, Any]] = {
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
        "created_at": NOW,
    },
    RefreshFamily: {"id": 2001, "user_id": 1001, "created_at": NOW, "expires_at": NOW},
    RefreshToken: {"token_hash": "hash", "family_id": 2001},
    SigningKey: {"key_id": "another", "private_pem": "pem", "activates_at": NOW},
    ServiceClient: {
        "client_id": "items",
        "secret_hash": "hash",
        "audiences": ["users-internal"],
        "scopes": ["users:read"],
        "created_at": NOW,
    },
    OutboxEvent: {
        "id": 3001,
        "event_id": "5f6c2f2e-6a50-4f6e-8f6f-0d5a3a3c8d4b",
        "aggregate_id": 1001,
        "version": 1,
        "type": "user.created",
        "data": {},
        "occurred_at": NOW,
    },
    OutboxSubscriber: {"name": "items", "registered_at": NOW},
    OutboxStream: {
        "aggregate_id": 1001,
        "subscriber": "items",
        "next_version": 1,
        "due_at": NOW,
        "failures": 0,
    },
    ParkedEvent: {
        "event_number": 3001,
        "subscriber": "items",
        "parked_at": NOW,
        "reason": "status 400",
    },
}
"""A valid row of each table, in an order in which they can be stored."""
REQUIRED = [(model, column) for model, row in GOOD.items() for column in row if column != "id"]


def row(model: type[SQLModel], **changes: Any) -> dict[str, Any]:
    return {**GOOD[model], **changes}


@pytest.fixture
async def good_rows(session: WriteSession) -> None:
    for model, values in GOOD.items():
        await session.exec(insert(model).values(**values))
    await session.commit()


async def assert_refused(session: WriteSession, model: type[SQLModel], **changes: Any) -> None:
    """The database refuses the changes, and not the row without them."""
    __tracebackhide__ = True
    with pytest.raises(DBAPIError) as refusal:
        await session.exec(insert(model).values(**row(model, **changes)))
    assert isinstance(refusal.value, IntegrityError) or "too long" in str(refusal.value)
    await session.rollback()


class TestConstraints:
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
            *({"name": name} for name in ("", "  ", "n" * 121)),
            *({"email": email} for email in ("a@", "e" * 255)),
            *({"role": role} for role in ("root", "")),
            {"version": 0},
        ],
        ids=str,
    )
    async def test_account_beyond_a_limit_is_refused(
        self, session: WriteSession, change: dict[str, Any]
    ) -> None:
        await assert_refused(session, User, **change)

    @pytest.mark.parametrize(
        "change",
        [{"name": "n" * 120}, {"email": "e" * 254}, {"role": "admin"}, {"id": 2**63 - 1}],
        ids=str,
    )
    async def test_account_at_a_limit_is_stored(
        self, session: WriteSession, change: dict[str, Any]
    ) -> None:
        await session.exec(insert(User).values(**row(User, **change)))
        assert (await session.exec(select(col(User.id)))).all() == [change.get("id", 1001)]

    @pytest.mark.usefixtures("good_rows")
    @pytest.mark.parametrize(
        ("model", "change"),
        [
            (User, {"id": 1002, "email": "ADA@example.com"}),
            (User, {"email_key": "other@example.com"}),
            *((model, {}) for model in GOOD if model not in (User, OutboxEvent)),
            (OutboxEvent, {"event_id": "another", "version": 2}),
            (OutboxEvent, {"id": 3002, "version": 2}),
            (OutboxEvent, {"id": 3002, "event_id": "another"}),
        ],
        ids=str,
    )
    async def test_second_row_with_a_unique_value_is_refused(
        self, session: WriteSession, model: type[SQLModel], change: dict[str, Any]
    ) -> None:
        await assert_refused(session, model, **change)

    @pytest.mark.usefixtures("good_rows")
    @pytest.mark.parametrize(
        ("model", "change"),
        [
            (OutboxEvent, {"id": 3002, "event_id": "another", "version": 0}),
            (OutboxStream, {"aggregate_id": 1002, "next_version": 0}),
            (OutboxStream, {"aggregate_id": 1002, "failures": -1}),
            (ParkedEvent, {"event_number": 9999}),
            (RefreshFamily, {"id": 2002, "user_id": 999}),
            (RefreshToken, {"token_hash": "other", "family_id": 999}),
        ],
        ids=str,
    )
    async def test_row_in_an_invalid_state_is_refused(
        self, session: WriteSession, model: type[SQLModel], change: dict[str, Any]
    ) -> None:
        await assert_refused(session, model, **change)

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
