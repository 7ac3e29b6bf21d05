"""The messages that users produces, with its own code."""

import json
from typing import Any, get_args

import httpx
import jwt
from sqlmodel import col, select

from app.events.user_events import SOURCE
from app.schemas import AdminPatch
from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.transport import Delivered, DeliveryTokens, HttpTransport
from chassis.http.client import service_client
from contracts.provider import Message, ProviderStates, message_producer
from service_testing.assertions import assert_status
from tests.contract.people import PASSWORD, SPECIAL_NAME, People

ADMIN_ID = 4_002
"""An id that no contract uses."""


class UsersMessages(ProviderStates):
    def __init__(self, people: People) -> None:
        self._people = people
        self._events_audience = "subscriber-events"

    @message_producer("the event of a new user")
    async def registered(self) -> Message:
        return await self._register(SPECIAL_NAME)

    @message_producer("the event of a user with the longest name")
    async def registered_with_longest_name(self) -> Message:
        return await self._register("Ł" * 120)

    @message_producer("the event of a renamed user")
    async def renamed(self) -> Message:
        return await self._rename(SPECIAL_NAME)

    @message_producer("the event of a renamed administrator")
    async def renamed_administrator(self) -> Message:
        return await self._rename(SPECIAL_NAME)

    @message_producer("two events of a user")
    async def renamed_twice(self) -> Message:
        names = ("Augusta", SPECIAL_NAME)
        events = [json.loads((await self._rename(name)).contents) for name in names]
        return _json({"events": events, "different_ids": len({event["id"] for event in events})})

    @message_producer("the event of a deactivated user")
    async def deactivated(self) -> Message:
        return await self._administer(is_active=False)

    @message_producer("the event of a reactivated user")
    async def reactivated(self) -> Message:
        return await self._administer(is_active=True)

    @message_producer("the event of a deleted user")
    async def deleted(self) -> Message:
        holder = await self._people.client_of(7)
        body = {"current_password": PASSWORD}
        assert_status(await holder.post("/users/me/deletion", json=body), 204)
        return await self._last_event()

    @message_producer("the access token of a user")
    async def user_token(self) -> Message:
        return await self._taken_apart(await self._sign_in("user"))

    @message_producer("the access token of an administrator")
    async def admin_token(self) -> Message:
        return await self._taken_apart(await self._sign_in("admin"))

    @message_producer("the roles of access tokens")
    async def roles(self) -> Message:
        """A token of each role that an administrator can give."""
        roles = []
        for number, role in enumerate(get_args(AdminPatch.model_fields["role"].annotation)):
            token = await self._sign_in(role, user_id=ADMIN_ID + number)
            roles.append(_unverified_claims(token)["role"])
        return _json({"roles": sorted(roles)})

    @message_producer("the access token after a refresh")
    async def refreshed_token(self) -> Message:
        await self._people.store(7)
        body = {"refresh_token": (await self._people.sign_in(7))["refresh_token"]}
        response = await self._people.client.post("/auth/refresh", json=body)
        assert_status(response, 200)
        return await self._taken_apart(response.json()["access_token"])

    @message_producer("the token of a relay")
    async def relay_token(self) -> Message:
        return await self._taken_apart(await self._delivery_tokens().current())

    async def _register(self, name: str) -> Message:
        body = {"email": "ada@example.com", "name": name, "password": PASSWORD}
        assert_status(await self._people.client.post("/users/", json=body), 201)
        return await self._last_event()

    async def _rename(self, name: str) -> Message:
        holder = await self._people.client_of(7)
        assert_status(await holder.patch("/users/me", json={"name": name}), 200)
        return await self._last_event()

    @message_producer("the event of a promoted user")
    async def promoted(self) -> Message:
        return await self._administer(role="admin")

    @message_producer("the event of a demoted administrator")
    async def demoted(self) -> Message:
        return await self._administer(role="user")

    async def _administer(self, **changes: Any) -> Message:
        await self._people.store(ADMIN_ID, role="admin")
        admin = await self._people.client_of(ADMIN_ID)
        response = await admin.patch("/admin/users/7", json=changes)
        assert_status(response, 200)
        return await self._last_event()

    async def _sign_in(self, role: str, user_id: int = 7) -> str:
        """Store a user with this role, who signs in. Returns the access token."""
        await self._people.store(user_id, role=role)
        return (await self._people.sign_in(user_id))["access_token"]

    def _delivery_tokens(self) -> DeliveryTokens:
        return DeliveryTokens(self._people.state.issuer.for_delivery, self._events_audience)

    async def _last_event(self) -> Message:
        """The newest event, as its subscriber receives it."""
        session = self._people.session
        newest_first = select(OutboxEvent).order_by(col(OutboxEvent.id).desc())
        event = (await session.exec(newest_first)).first()
        assert event is not None, "no event was written"
        session.expunge(event)
        await session.rollback()  # or it occupies the connection that writes need
        received: list[httpx.Request] = []

        def subscriber(request: httpx.Request) -> httpx.Response:
            received.append(request)
            return httpx.Response(204)

        network = httpx.MockTransport(subscriber)
        async with service_client("", timeout_seconds=5, transport=network) as http:
            delivery = HttpTransport(
                "http://subscriber/events/",
                http,
                self._delivery_tokens(),
                source=SOURCE,
                deadline_seconds=5,
            )
            assert await delivery.deliver(event) == Delivered()
        return Message(received[0].content, received[0].headers["content-type"])

    async def _taken_apart(self, token: str) -> Message:
        """The token's parts, and the published key that verifies it, if there is one."""
        header = jwt.get_unverified_header(token)
        response = await self._people.client.get("/.well-known/jwks.json")
        published = {key["kid"]: key for key in response.json()["keys"]}
        key = _key_that_verifies(token, published.get(header["kid"]))
        return _json({"header": header, "claims": _unverified_claims(token), "key": key})


def _json(body: dict[str, Any]) -> Message:
    return Message(json.dumps(body).encode(), "application/json")


def _unverified_claims(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def _key_that_verifies(token: str, key: dict[str, str] | None) -> dict[str, str] | None:
    """The key, if it signed the token and the token is valid now (RFC 7519, section 7.2)."""
    if key is None:
        return None
    try:
        jwt.decode(token, jwt.PyJWK(key), options={"verify_aud": False})
    except jwt.PyJWTError:
        return None
    return key
