"""Each change of an account writes its event, in the same transaction, and nothing else does."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.models import OutboxEvent, OutboxStream
from app.outbox.writing import WAKE_RELAY
from app.schemas import ProfilePatch
from app.services import accounts
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_status
from service_testing.client import AppClient
from service_testing.isolation import IsolatedDatabase
from tests.commands import Operator
from tests.factories import Account, create_user_data
from tests.helpers import assert_user_response, log_in
from tests.spare_database import opened, stored_rows

EVENTS = select(
    col(OutboxEvent.user_id), col(OutboxEvent.type), col(OutboxEvent.version), col(OutboxEvent.data)
).order_by(col(OutboxEvent.id))

Told = tuple[str, int, dict[str, Any]]


async def told_of(session: WriteSession, user_id: int) -> list[Told]:
    """Type, version and data of each event of a user, in order."""
    rows = (await session.execute(EVENTS)).all()
    await session.commit()
    return [(row.type, row.version, row.data) for row in rows if row.user_id == user_id]


def state(account: Account, version: int, **changes: Any) -> dict[str, Any]:
    told = {"id": account.id, "name": account.name, "is_active": True, "version": version}
    return {**told, **changes}


class TestChanges:
    async def test_registration_is_told(self, client: AppClient, session: WriteSession) -> None:
        response = await client.post("/users/", json=create_user_data(name="Ada"))
        user = assert_user_response(response, status=201)
        data = {"id": user["id"], "name": "Ada", "is_active": True, "version": 1}
        assert await told_of(session, user["id"]) == [("user.created", 1, data)]

    async def test_event_knows_the_request_that_caused_it(
        self, client: AppClient, session: WriteSession
    ) -> None:
        trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
        headers = {"X-Request-ID": "req-1", "traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
        await client.post("/users/", json=create_user_data(), headers=headers)
        event = (await session.scalars(select(OutboxEvent))).one()
        assert event.request_id == "req-1"
        assert event.traceparent is not None
        assert event.traceparent.split("-")[1] == trace_id

    async def test_rename_is_told(
        self, user_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        assert_status(await user_client.patch("/users/me", json={"name": "Ada King"}), 200)
        event = ("user.updated", 2, state(user, 2, name="Ada King"))
        assert await told_of(session, user.id) == [event]

    async def test_change_that_items_cannot_see_is_told_too(
        self, user_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        await user_client.patch("/users/me", json={"email": "ada.king@example.com"})
        event = ("user.updated", 2, state(user, 2))
        assert await told_of(session, user.id) == [event]

    async def test_change_by_an_administrator_is_told(
        self, admin_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        for body in ({"is_active": False}, {"role": "admin"}, {"is_active": True, "name": "Ada"}):
            assert_status(await admin_client.patch(f"/admin/users/{user.id}", json=body), 200)
        assert await told_of(session, user.id) == [
            ("user.updated", 2, state(user, 2, is_active=False)),
            ("user.updated", 3, state(user, 3, is_active=False)),
            ("user.updated", 4, state(user, 4, name="Ada")),
        ]

    async def test_deletion_is_told_though_the_account_is_gone(
        self, user_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        assert_status(await user_client.delete("/users/me"), 204)
        event = ("user.deleted", 2, state(user, 2, is_active=False))
        assert await told_of(session, user.id) == [event]

    async def test_deletion_by_an_administrator_is_told(
        self, admin_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        assert_status(await admin_client.delete(f"/admin/users/{user.id}"), 204)
        event = ("user.deleted", 2, state(user, 2, is_active=False))
        assert await told_of(session, user.id) == [event]

    def test_commands_tell_of_what_they_change(self, spare_database_url: str) -> None:
        operator = Operator(spare_database_url)
        email = ["--email", "ada@example.com"]
        operator.run("create-admin", *email, USERS_ADMIN_PASSWORD="a long password")
        operator.run("create-admin", *email)  # which changes nothing
        rows = stored_rows(spare_database_url, EVENTS)
        assert [(row.type, row.version) for row in rows] == [("user.created", 1)]


class TestNoChange:
    async def test_nothing_is_told_of_a_change_to_what_is(
        self, user_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        for body in ({}, {"name": user.name}, {"name": user.name, "email": user.email}):
            assert_status(await user_client.patch("/users/me", json=body), 200)
        assert await told_of(session, user.id) == []

    async def test_nothing_is_told_of_logins_and_passwords(
        self, client: AppClient, user_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        await log_in(client, user)
        body = {"current_password": user.password, "new_password": "another password"}
        assert_status(await user_client.put("/users/me/password", json=body), 204)
        assert await told_of(session, user.id) == []

    async def test_nothing_is_told_of_what_was_refused(
        self, client: AppClient, admin_client: AppClient, admin: Account, session: WriteSession
    ) -> None:
        body = create_user_data(email=admin.email)
        assert_status(await client.post("/users/", json=body), 409)
        assert_status(await admin_client.delete("/users/me"), 409)
        assert_status(await admin_client.delete("/admin/users/999999"), 404)
        assert (await session.execute(EVENTS)).all() == []


class TestStreams:
    async def test_stream_is_one_however_many_events_it_has(
        self, user_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        for name in ("Ada", "Eva", "Ida"):
            await user_client.patch("/users/me", json={"name": name})
        stream = (await session.scalars(select(OutboxStream))).one()
        assert (stream.user_id, stream.lease_token, stream.failures) == (user.id, None, 0)

    @pytest.mark.committed
    async def test_event_that_is_rolled_back_leaves_nothing(
        self, database: IsolatedDatabase
    ) -> None:
        async with database.write_session() as session:
            await register(session)
            await session.rollback()
        async with database.orm_read_session() as session:
            assert (await session.scalars(select(OutboxEvent))).all() == []
            assert (await session.scalars(select(OutboxStream))).all() == []


class TestWaking:
    """The relay of this process learns of an event when, and only when, it is committed."""

    async def test_relay_is_woken_by_the_commit(self, spare_database_url: str) -> None:
        async with opened(spare_database_url) as database:
            woken = watched(database)
            async with database.write_session() as session:
                await register(session)
                assert woken == []
                await session.commit()
            assert woken == ["woken"]

    async def test_relay_is_not_woken_by_a_rollback(self, spare_database_url: str) -> None:
        async with opened(spare_database_url) as database:
            woken = watched(database)
            async with database.write_session() as session:
                await register(session)
                await session.rollback()
            assert woken == []

    async def test_relay_is_not_woken_by_other_commits(self, spare_database_url: str) -> None:
        async with opened(spare_database_url) as database:
            async with database.transaction() as session:
                user_id = await register(session)
            woken = watched(database)
            async with database.transaction() as session:
                await accounts.change(
                    session, user_id, ProfilePatch(name="Ada")
                )  # which it is already
            assert woken == []


def watched(database: Database) -> list[str]:
    woken: list[str] = []
    database.session_info[WAKE_RELAY] = lambda: woken.append("woken")
    return woken


async def register(session: WriteSession) -> int:
    user = await accounts.register(
        session, email="ada@example.com", name="Ada", password_hash="none"
    )
    assert user.id is not None
    return user.id
