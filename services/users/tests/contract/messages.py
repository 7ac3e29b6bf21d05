"""The messages that users produces, by its own code."""

import json

import httpx
import jwt
from sqlmodel import col, select

from app.events.user_events import SOURCE
from app.models import OutboxEvent
from chassis.events.outbox.transport import Delivered, DeliveryTokens, HttpTransport
from chassis.http.client import service_client
from contracts.provider import Message, ProviderStates, message_producer
from service_testing.assertions import assert_status
from tests.contract.people import PASSWORD, People

ADMIN_ID = 4_002
"""An id that no contract uses."""


class UsersMessages(ProviderStates):
    def __init__(self, people: People) -> None:
        self._people = people
        self._events_audience = "subscriber-events"

    @message_producer("the event of a new user")
    async def registered(self) -> Message:
        return await self._register("Ada")

    @message_producer("the event of a user with the longest name")
    async def registered_with_longest_name(self) -> Message:
        return await self._register("Ł" * 120)

    @message_producer("the event of a renamed user")
    async def renamed(self) -> Message:
        holder = await self._people.client_of(7)
        assert_status(await holder.patch("/users/me", json={"name": "Augusta"}), 200)
        return await self._last_event()

    @message_producer("the event of a deactivated user")
    async def deactivated(self) -> Message:
        return await self._administer(is_active=False)

    @message_producer("the event of a reactivated user")
    async def reactivated(self) -> Message:
        return await self._administer(is_active=True)

    @message_producer("the event of a deleted user")
    async def deleted(self) -> Message:
        holder = await self._people.client_of(7)
        assert_status(await holder.delete("/users/me"), 204)
        return await self._last_event()

    @message_producer("the access token of a user")
    async def user_token(self) -> Message:
        await self._people.store(7)
        return await self._taken_apart((await self._people.sign_in(7))["access_token"])

    @message_producer("the access token of an administrator")
    async def admin_token(self) -> Message:
        await self._people.store(7, role="admin")
        return await self._taken_apart((await self._people.sign_in(7))["access_token"])

    @message_producer("the access token after a refresh")
    async def refreshed_token(self) -> Message:
        await self._people.store(7)
        body = {"refresh_token": (await self._people.sign_in(7))["refresh_token"]}
        answer = await self._people.client.post("/auth/refresh", json=body)
        assert_status(answer, 200)
        return await self._taken_apart(answer.json()["access_token"])

    @message_producer("the token of a relay")
    async def relay_token(self) -> Message:
        tokens = DeliveryTokens(self._people.state.issuer.for_delivery, self._events_audience)
        return await self._taken_apart(await tokens.current())

    async def _register(self, name: str) -> Message:
        body = {"email": "ada@example.com", "name": name, "password": PASSWORD}
        assert_status(await self._people.client.post("/users/", json=body), 201)
        return await self._last_event()

    async def _administer(self, *, is_active: bool) -> Message:
        await self._people.store(ADMIN_ID, role="admin")
        admin = await self._people.client_of(ADMIN_ID, "admin")
        answer = await admin.patch("/admin/users/7", json={"is_active": is_active})
        assert_status(answer, 200)
        return await self._last_event()

    async def _last_event(self) -> Message:
        """As the sink gets it."""
        session = self._people.session
        newest_first = select(OutboxEvent).order_by(col(OutboxEvent.id).desc())
        event = (await session.exec(newest_first)).first()
        assert event is not None
        session.expunge(event)
        await session.rollback()  # or it holds the connection that writes need
        sent: list[httpx.Request] = []

        def sink(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return httpx.Response(204)

        tokens = DeliveryTokens(self._people.state.issuer.for_delivery, self._events_audience)
        async with service_client(
            "", timeout_seconds=5, transport=httpx.MockTransport(sink)
        ) as http:
            delivery = HttpTransport(
                "http://subscriber/events/", http, tokens, source=SOURCE, deadline_seconds=5
            )
            assert await delivery.deliver(event) == Delivered()
        return Message(sent[0].content, sent[0].headers["content-type"])

    async def _taken_apart(self, token: str) -> Message:
        """What the token says, and by which of the published keys it is good, if by one."""
        header = jwt.get_unverified_header(token)
        answer = await self._people.client.get("/.well-known/jwks.json")
        published = {key["kid"]: key for key in answer.json()["keys"]}
        parts = {
            "header": header,
            "claims": jwt.decode(token, options={"verify_signature": False}),
            "key": _if_it_verifies(token, published.get(header["kid"])),
        }
        return Message(json.dumps(parts).encode(), "application/json")


def _if_it_verifies(token: str, key: dict[str, str] | None) -> dict[str, str] | None:
    """The key, if it signed the token, and the token is good now (RFC 7519, section 7.2)."""
    if key is None:
        return None
    try:
        jwt.decode(token, jwt.PyJWK(key), options={"verify_aud": False})
    except jwt.PyJWTError:
        return None
    return key
