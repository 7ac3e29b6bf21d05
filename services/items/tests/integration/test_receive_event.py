"""`POST /events/`: authentication, validation and the effect of each event."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from app.events.user_events import NAME_OF_THE_DELETED, OwnerState
from app.models import ItemRemoval, Owner, ReceivedEvent
from app.services.owners import apply_states
from chassis.db.sessions import WriteSession
from chassis.events.cloudevents import Event
from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient, as_user
from service_testing.events import EventSender, Mode, create_event, event_request, sender_token
from service_testing.tokens import TokenIssuer
from tests.factories import Account, create_item_data, create_owner
from tests.fake_users import FakeUsers
from tests.helpers import assert_item_response, count_rows, create_item_path, metric

ADA = Account()
EVENTS = "events_received_total"
GOOD = json.loads(event_request(ADA.created())[1])
MISSING = object()


def wrong(attribute: str, value: object = MISSING) -> tuple[str, dict[str, Any]]:
    """The wrong attribute, and an event in which it is wrong."""
    body: dict[str, Any] = {**GOOD, "data": dict(GOOD["data"])}
    part, _, field = attribute.rpartition(".")
    place = body["data"] if part else body
    if value is MISSING:
        del place[field]
    else:
        place[field] = value
    return attribute, body


NO_OBJECTS: list[Any] = [[], "Ada", 7, None]
WRONG: list[tuple[str, dict[str, Any]]] = [
    *(wrong(name) for name in ("id", "source", "type", "specversion")),
    *(wrong(f"data.{name}") for name in ("id", "name", "is_active", "version")),
    *(wrong("data.id", value) for value in (0, -1, 2**63, "7", 7.5, None, True)),
    *(wrong("data.name", value) for value in ("", "  ", "x" * 121, "a\0b", "\ud800", 7, None)),
    *(wrong("data.is_active", value) for value in ("true", 1, None)),
    *(wrong("data.version", value) for value in (0, -1, 2**31, "3", None)),
    *(wrong("data", value) for value in NO_OBJECTS),
    wrong("subject", "8"),
    wrong("source", "/orders"),
    wrong("data.role", "root"),
    wrong("id", ""),
    wrong("specversion", "0.3"),
]


# Test ids must be the same in every worker, so they contain no event id.
WRONG_IDS = [f"{blamed}, {number}" for number, (blamed, _) in enumerate(WRONG)]


async def owner(session: WriteSession, owner_id: int = 7) -> dict[str, Any] | None:
    session.expire_all()
    found = await session.get(Owner, owner_id)
    return found.model_dump() if found else None


class TestSender:
    async def test_event_without_token_returns_401(self, client: AppClient) -> None:
        headers, body = event_request(ADA.created())
        response = await client.post("/events/", content=body, headers=headers)
        assert_error_response(response, 401, "not_authenticated")

    async def test_event_with_an_access_token_returns_401(
        self, user_client: AppClient, admin_client: AppClient, session: WriteSession
    ) -> None:
        headers, body = event_request(ADA.created())
        for caller in (user_client, admin_client):
            response = await caller.post("/events/", content=body, headers=headers)
            assert_error_response(response, 401, "invalid_token")
        assert await owner(session) is None

    @pytest.mark.parametrize(
        "audience", ["items", "users-internal", "", ["users", "items"], ["items", "items-events"]]
    )
    async def test_event_with_a_token_for_another_audience_returns_401(
        self, client: AppClient, token_issuer: TokenIssuer, audience: Any
    ) -> None:
        sender = EventSender(client, sender_token(token_issuer, audience=audience))
        assert_error_response(await sender.send(ADA.created()), 401, "invalid_token")

    async def test_event_with_a_token_of_another_service_returns_401(
        self, client: AppClient, token_issuer: TokenIssuer, session: WriteSession
    ) -> None:
        token = sender_token(token_issuer, audience="items-events", sub="orders")
        assert_error_response(
            await EventSender(client, token).send(ADA.created()), 401, "invalid_token"
        )
        assert await owner(session) is None

    async def test_event_with_a_forged_or_expired_token_returns_401(
        self, client: AppClient, token_issuer: TokenIssuer
    ) -> None:
        forged = sender_token(token_issuer.impostor(), audience="items-events")
        old = sender_token(token_issuer, audience="items-events", expires_in_seconds=-11)
        for token in (forged, old, "x"):
            response = await EventSender(client, token).send(ADA.created())
            assert_error_response(response, 401, "invalid_token")

    async def test_token_of_the_sender_is_refused_by_other_routes(
        self, client: AppClient, token_issuer: TokenIssuer
    ) -> None:
        token = sender_token(token_issuer, audience="items-events", sub="1")
        response = await as_user(client, token).post("/items/", json=create_item_data())
        assert_error_response(response, 401, "invalid_token")

    async def test_sender_is_checked_before_the_body(self, client: AppClient) -> None:
        response = await client.post("/events/", content=b"{", headers={"Content-Type": "x/y"})
        assert_error_response(response, 401, "not_authenticated")

    async def test_event_without_any_stored_key_returns_503(
        self, client_without_database: AppClient, users: FakeUsers, token_issuer: TokenIssuer
    ) -> None:
        users.keys_are_down = True
        token = sender_token(token_issuer, audience="items-events")
        sender = EventSender(client_without_database, token)
        response = await sender.send(ADA.created())
        assert_error_response(response, 503, "users_unavailable")
        assert int(response.headers["Retry-After"]) >= 1


class TestForm:
    @pytest.mark.parametrize("mode", ["structured", "binary"])
    async def test_event_is_accepted_in_both_modes(
        self, relay: EventSender, session: WriteSession, mode: Mode
    ) -> None:
        assert_status(await relay.send(ADA.created(), mode), 204)
        assert await owner(session) == {**ADA.data, "is_deleted": False}

    async def test_event_may_have_unknown_fields(
        self, relay: EventSender, session: WriteSession
    ) -> None:
        data = {**ADA.data, "hat": {"size": 7}}
        body = {**GOOD, "data": data, "newextension": "x", "time": "2026-01-01T00:00:00Z"}
        response = await relay.post(
            json.dumps(body).encode(), {"Content-Type": "application/cloudevents+json"}
        )
        assert_status(response, 204)
        assert await owner(session) == {**ADA.data, "is_deleted": False}

    @pytest.mark.parametrize(("blamed", "body"), WRONG, ids=WRONG_IDS)
    async def test_malformed_event_returns_400_and_names_the_field(
        self, relay: EventSender, session: WriteSession, blamed: str, body: dict[str, Any]
    ) -> None:
        content = json.dumps(body).encode()
        response = await relay.post(content, {"Content-Type": "application/cloudevents+json"})
        detail = assert_error_response(response, 400, "bad_request")["detail"]
        assert f"`{blamed}`" in detail
        assert await count_rows(session, ReceivedEvent) == await count_rows(session, Owner) == 0

    @pytest.mark.parametrize(
        ("media_type", "status"), [("text/plain", 415), ("application/cloudevents+json", 400)]
    )
    async def test_event_that_cannot_be_read_is_counted(
        self, relay: EventSender, client: AppClient, media_type: str, status: int
    ) -> None:
        counted = ("malformed", "other")
        before = (await metric(client, EVENTS)).get(counted, 0)
        assert_status(await relay.post(b"x", {"Content-Type": media_type}), status)
        assert (await metric(client, EVENTS))[counted] == before + 1


class TestIdempotence:
    async def test_duplicate_event_is_applied_once(
        self, relay: EventSender, session: WriteSession, client: AppClient
    ) -> None:
        counted = ("duplicate", "user.created")
        before = (await metric(client, EVENTS)).get(counted, 0)
        event = ADA.created()
        for _ in range(3):
            assert_status(await relay.send(event), 204)
        assert await count_rows(session, ReceivedEvent) == 1
        assert (await metric(client, EVENTS))[counted] == before + 2

    @pytest.mark.parametrize(
        "late",
        [ADA.created(), replace(ADA, name="Joan", version=2).updated()],
        ids=["older", "same"],
    )
    async def test_event_with_an_older_or_the_same_version_changes_nothing(
        self, relay: EventSender, session: WriteSession, late: Event
    ) -> None:
        for event in (ADA.changed(name="Grace").updated(), late):
            assert_status(await relay.send(event), 204)
        assert (await owner(session) or {})["name"] == "Grace"

    async def test_event_that_failed_is_applied_when_it_is_delivered_again(
        self, relay: EventSender, session: WriteSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        event = ADA.created()
        with monkeypatch.context() as broken:
            broken.setattr("app.events.inbox.apply_states", None)
            assert_error_response(await relay.send(event), 500, "internal_error")
        assert await count_rows(session, ReceivedEvent) == 0
        assert_status(await relay.send(event), 204)
        assert await owner(session) is not None

    async def test_event_whose_transaction_is_ended_by_a_deadlock_is_applied_at_once(
        self, relay: EventSender, session: WriteSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Deadlock(Exception):
            sqlstate = "40P01"

        failures = [DBAPIError("", None, Deadlock())]

        async def apply(transaction: WriteSession, states: Sequence[OwnerState]) -> set[int]:
            if failures:
                raise failures.pop()
            return await apply_states(transaction, states)

        monkeypatch.setattr("app.events.inbox.apply_states", apply)
        assert_status(await relay.send(ADA.created()), 204)
        assert await owner(session) is not None

    @pytest.mark.parametrize("event_type", ["user.promoted", "x" * 255])
    async def test_event_of_an_unknown_type_is_accepted_and_counted(
        self, relay: EventSender, session: WriteSession, client: AppClient, event_type: str
    ) -> None:
        counted = ("unknown_type", "other")
        before = (await metric(client, EVENTS)).get(counted, 0)
        assert_status(await relay.send(create_event(event_type, {"anything": 1})), 204)
        assert (await metric(client, EVENTS))[counted] == before + 1
        assert await count_rows(session, ReceivedEvent) == 0


class TestEffects:
    async def test_owner_created_by_an_event_needs_no_lookup(
        self, relay: EventSender, client: AppClient, users: FakeUsers
    ) -> None:
        token = users.add(user_id=7)
        await relay.send(ADA.created())
        response = await as_user(client, token).post("/items/", json=create_item_data())
        assert_item_response(response, status=201)
        assert users.lookups == 0

    async def test_rename_changes_the_owner_and_the_etag_of_each_item(
        self, relay: EventSender, client: AppClient, users: FakeUsers
    ) -> None:
        owner_client = as_user(client, users.add(user_id=7))
        await relay.send(ADA.created())
        path = await create_item_path(owner_client)
        before = await client.get(path)
        await relay.send(ADA.changed(name="Grace").updated())
        after = await client.get(path, headers={"If-None-Match": before.headers["ETag"]})
        assert assert_item_response(after)["owner"] == {"id": 7, "name": "Grace"}
        assert after.headers["ETag"] != before.headers["ETag"]

    async def test_first_event_replaces_a_looked_up_owner(
        self, relay: EventSender, session: WriteSession
    ) -> None:
        await create_owner(session, owner_id=7, name="As looked up")
        await relay.send(ADA.created())
        assert await owner(session) == {**ADA.data, "is_deleted": False}

    async def test_event_without_a_visible_change_keeps_the_etags_of_items(
        self, relay: EventSender, client: AppClient, users: FakeUsers
    ) -> None:
        owner_client = as_user(client, users.add(user_id=7, name="Ada"))
        path = await create_item_path(owner_client)  # looks the owner up before the event arrives
        tag = (await client.get(path)).headers["ETag"]
        await relay.send(ADA.created())
        assert_status(await client.get(path, headers={"If-None-Match": tag}), 304)
        edited = await owner_client.patch(path, json={"name": "Kettle"}, headers={"If-Match": tag})
        assert_item_response(edited)

    async def test_deactivated_owner_cannot_create_items_but_keeps_them(
        self, relay: EventSender, client: AppClient, users: FakeUsers
    ) -> None:
        owner_client = as_user(client, users.add(user_id=7))
        path = await create_item_path(owner_client)
        idle = ADA.changed(is_active=False)
        await relay.send(idle.updated())
        refused = await owner_client.post("/items/", json=create_item_data())
        assert_error_response(refused, 403, "owner_inactive")
        assert_item_response(await client.get(path))
        await relay.send(idle.changed(is_active=True).updated())
        assert_item_response(
            await owner_client.post("/items/", json=create_item_data()), status=201
        )

    async def test_deletion_stores_a_tombstone_without_a_name_and_a_removal(
        self, relay: EventSender, session: WriteSession
    ) -> None:
        await relay.send(ADA.created())
        await relay.send(ADA.deleted())
        assert await owner(session) == {
            "id": 7,
            "name": NAME_OF_THE_DELETED,
            "is_active": False,
            "role": None,
            "version": 2,
            "is_deleted": True,
        }
        assert await session.get(ItemRemoval, 7) is not None

    async def test_items_of_a_deleted_owner_disappear_at_once(
        self, relay: EventSender, client: AppClient, users: FakeUsers, admin_client: AppClient
    ) -> None:
        owner_client = as_user(client, users.add(user_id=7))
        path = await create_item_path(owner_client)
        await relay.send(ADA.deleted())
        for request in (
            client.get(path),
            owner_client.patch(path, json={"name": "x"}),
            admin_client.patch(path, json={"name": "x"}),
            admin_client.delete(path),
        ):
            assert_error_response(await request, 404, "not_found")
        for query in ("", "?owner_id=7", "?sort=name"):
            assert (await client.get(f"/items/{query}")).json()["total"] == 0
        refused = await owner_client.post("/items/", json=create_item_data())
        assert_error_response(refused, 403, "owner_gone")

    @pytest.mark.parametrize(
        "late", [ADA.created(), ADA.changed(name="Grace").changed(name="Joan").updated()]
    )
    async def test_late_event_does_not_restore_a_deleted_owner(
        self, relay: EventSender, session: WriteSession, late: Event
    ) -> None:
        await relay.send(ADA.deleted())
        assert_status(await relay.send(late), 204)
        found = await owner(session) or {}
        assert (found["is_deleted"], found["is_active"]) == (True, False)
        assert found["name"] == NAME_OF_THE_DELETED

    async def test_deletion_wins_over_every_version(
        self, relay: EventSender, session: WriteSession
    ) -> None:
        await relay.send(replace(ADA, version=9).updated())
        await relay.send(ADA.deleted())
        found = await owner(session) or {}
        assert (found["is_deleted"], found["version"]) == (True, 9)


async def test_event_is_logged_with_the_trace_of_its_delivery_and_without_the_name(
    relay: EventSender, logs: list[dict[str, Any]]
) -> None:
    headers, body = event_request(replace(ADA, name="Unmistakable").created())
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"  # pragma: allowlist secret
    identity = {"X-Request-ID": "cause-7", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    response = await relay.post(body, {**headers, **identity})
    assert response.headers["X-Request-ID"] == "cause-7"
    (line,) = [line for line in logs if line["event"] == "event_received"]
    assert (line["type"], line["result"]) == ("user.created", "applied")
    assert (line["request_id"], line["trace_id"]) == ("cause-7", trace)
    assert "Unmistakable" not in str(logs)
