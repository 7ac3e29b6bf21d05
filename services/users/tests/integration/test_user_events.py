"""Every change of an account writes an event, and nothing else does."""

import json
from collections.abc import Mapping
from typing import Any

from sqlmodel import col, select

from app.events.description import asyncapi
from app.events.key_events import write_keys_event
from app.events.user_events import SOURCE
from chassis.db.sessions import WriteSession
from chassis.events.cloudevents import to_http
from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.transport import cloud_event
from contracts.schemas import violations
from service_testing.assertions import assert_status
from service_testing.client import AppClient
from tests.commands import Operator
from tests.factories import Account, create_user_data
from tests.helpers import assert_user_response, delete_me, email_change, log_in
from tests.mailer import Mailer
from tests.spare_database import stored_rows

EVENTS = select(
    OutboxEvent.aggregate_id, OutboxEvent.type, OutboxEvent.version, OutboxEvent.data
).order_by(col(OutboxEvent.id))

Written = tuple[str, int, Mapping[str, Any]]


async def events_of(session: WriteSession, user_id: int) -> list[Written]:
    """Type, version and data of each event of a user, in order."""
    rows = (await session.exec(EVENTS)).all()
    await session.commit()
    return [row[1:] for row in rows if row[0] == user_id]


def state(account: Account, version: int, **changes: Any) -> dict[str, Any]:
    data = {"id": account.id, "name": account.name, "is_active": True, "role": "user"}
    return {**data, "version": version, **changes}


class TestChanges:
    async def test_registration_writes_an_event(
        self, client: AppClient, session: WriteSession
    ) -> None:
        response = await client.post("/users/", json=create_user_data(name="Ada"))
        user = assert_user_response(response, status=201)
        data = {"id": user["id"], "name": "Ada", "is_active": True, "role": "user", "version": 1}
        assert await events_of(session, user["id"]) == [("user.created", 1, data)]

    async def test_rename_writes_an_event(
        self, user_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        assert_status(await user_client.patch("/users/me", json={"name": "Ada King"}), 200)
        event = ("user.updated", 2, state(user, 2, name="Ada King"))
        assert await events_of(session, user.id) == [event]

    async def test_change_of_private_fields_writes_an_event(
        self, user_client: AppClient, user: Account, session: WriteSession, mailer: Mailer
    ) -> None:
        await user_client.patch("/users/me", json=email_change(user, "ada.king@example.com"))
        assert await events_of(session, user.id) == []
        confirmation = {"token": await mailer.token()}
        await user_client.post("/auth/email-verification/confirm", json=confirmation)
        event = ("user.updated", 2, state(user, 2))
        assert await events_of(session, user.id) == [event]

    async def test_change_by_an_administrator_writes_an_event(
        self, admin_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        for body in ({"is_active": False}, {"role": "admin"}, {"is_active": True, "name": "Ada"}):
            assert_status(await admin_client.patch(f"/admin/users/{user.id}", json=body), 200)
        assert await events_of(session, user.id) == [
            ("user.updated", 2, state(user, 2, is_active=False)),
            ("user.updated", 3, state(user, 3, is_active=False, role="admin")),
            ("user.updated", 4, state(user, 4, name="Ada", role="admin")),
        ]

    async def test_deletion_writes_an_event(
        self, user_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        assert_status(await delete_me(user_client, user), 204)
        event = ("user.deleted", 2, state(user, 2, is_active=False))
        assert await events_of(session, user.id) == [event]

    async def test_deletion_by_an_administrator_writes_an_event(
        self, admin_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        assert_status(await admin_client.delete(f"/admin/users/{user.id}"), 204)
        event = ("user.deleted", 2, state(user, 2, is_active=False))
        assert await events_of(session, user.id) == [event]

    def test_commands_write_events_of_their_changes(self, spare_database_url: str) -> None:
        operator = Operator(spare_database_url)
        email = ["--email", "ada@example.com"]
        operator.run("create-admin", *email, USERS_ADMIN_PASSWORD="a long password")
        operator.run("create-admin", *email)  # which changes nothing
        rows = stored_rows(spare_database_url, EVENTS)
        assert [(row.type, row.version) for row in rows] == [("user.created", 1)]

    async def test_events_are_as_asyncapi_describes_them(
        self, user_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        assert_status(await user_client.post("/users/", json=create_user_data()), 201)
        assert_status(await user_client.patch("/users/me", json={"name": "Ada King"}), 200)
        assert_status(await delete_me(user_client, user), 204)
        await write_keys_event(session)
        components: Any = asyncapi()["components"]
        events = (await session.exec(select(OutboxEvent))).all()
        await session.commit()
        assert {event.type for event in events} == components["messages"].keys()
        for event in events:
            schema = {**components["messages"][event.type]["payload"], "components": components}
            sent = json.loads(to_http(cloud_event(event, SOURCE))[1])
            assert list(violations(schema, sent)) == []
            assert sent.keys() <= schema["properties"].keys()


class TestNoChange:
    async def test_unchanged_values_write_no_event(
        self, user_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        for body in (
            {},
            {"name": user.name},
            {"name": user.name, **email_change(user, user.email)},
        ):
            assert_status(await user_client.patch("/users/me", json=body), 200)
        assert await events_of(session, user.id) == []

    async def test_logins_and_password_changes_write_no_event(
        self, client: AppClient, user_client: AppClient, user: Account, session: WriteSession
    ) -> None:
        await log_in(client, user)
        body = {"current_password": user.password, "new_password": "another password"}
        assert_status(await user_client.put("/users/me/password", json=body), 204)
        assert await events_of(session, user.id) == []

    async def test_refused_requests_write_no_event(
        self, client: AppClient, admin_client: AppClient, admin: Account, session: WriteSession
    ) -> None:
        body = create_user_data(email=admin.email)
        assert_status(await client.post("/users/", json=body), 409)
        assert_status(await delete_me(admin_client, admin), 409)
        assert_status(await admin_client.delete("/admin/users/999999"), 404)
        assert (await session.exec(EVENTS)).all() == []
