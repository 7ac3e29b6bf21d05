"""The states that consumers' contracts begin from, brought about as the service itself would."""

import json
from pathlib import Path

import jwt
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app import accounts, service_clients
from app.access_tokens import TokenIssuer
from app.models import OutboxEvent, ServiceClient, User
from app.outbox.events import on_the_wire
from app.schemas import AccessToken
from chassis.events import to_http
from chassis.fields import email_key, fold
from service_testing import tokens
from service_testing.contracts.pact_files import Contracts
from service_testing.contracts.states import (
    Message,
    ProviderStates,
    Secrets,
    message_producer,
    state_handler,
)

CONTRACTS = Contracts(Path(__file__).parents[4] / "contracts")

CALLER_ID = 4_001
"""Not an id that a contract is about."""


class UsersStates(ProviderStates):
    def __init__(self, session: AsyncSession, app: FastAPI) -> None:
        self._session = session
        self._app = app

    @state_handler("a signed-in caller")
    async def signed_in(self) -> Secrets:
        await self._store(CALLER_ID, "Caller", is_active=True)
        return _caller((await self._app.state.issuer.for_user(CALLER_ID, "user")).access_token)

    @state_handler("a caller whose token has expired")
    async def expired_token(self) -> Secrets:
        await self._store(CALLER_ID, "Caller", is_active=True)
        return _caller((await self._expired().for_user(CALLER_ID, "user")).access_token)

    @state_handler("a caller whose token somebody else signed")
    async def foreign_token(self) -> Secrets:
        await self._store(CALLER_ID, "Caller", is_active=True)
        (key, *_) = await self._app.state.keys.published()
        return _caller(tokens.TokenIssuer(key_id=key["kid"]).token(user_id=CALLER_ID))

    @state_handler("a user")
    async def user(self, id: int, name: str, is_active: bool) -> None:  # noqa: A002 - the API's word
        await self._store(id, name, is_active=is_active)

    @state_handler("no user")
    async def no_user(self, id: int) -> None:  # noqa: A002 - the API's word
        assert await self._session.get(User, id) is None
        await self._session.rollback()  # else it keeps the connection that writes need

    @state_handler("a user at a version")
    async def user_at_version(self, id: int, name: str, is_active: bool, version: int) -> None:  # noqa: A002
        await self._store(id, name, is_active=is_active, version=version)

    @state_handler("a registered service")
    async def registered_service(self, client_id: str, secret: str) -> None:
        secret_hash = service_clients._hash(secret)
        self._session.add(ServiceClient(client_id=client_id, secret_hash=secret_hash))
        await self._session.commit()

    @state_handler("a service with a token")
    async def service_with_token(self) -> Secrets:
        return _service((await self._app.state.issuer.for_service("items")).access_token)

    @state_handler("a service whose token has expired")
    async def service_with_expired_token(self) -> Secrets:
        return _service((await self._expired().for_service("items")).access_token)

    @state_handler("published keys")
    async def published_keys(self) -> None:
        await self._app.state.keys.signing_key()

    @message_producer("the event of a new user")
    async def created(self) -> Message:
        email = "ada@example.com"
        await accounts.register(self._session, email=email, name="Ada", password_hash="none")
        return await self._last_event()

    @message_producer("the event of a renamed user")
    async def renamed(self) -> Message:
        await accounts.change(self._session, 7, {"name": "Augusta"})
        return await self._last_event()

    @message_producer("the event of a deactivated user")
    async def deactivated(self) -> Message:
        await accounts.change(self._session, 7, {"is_active": False})
        return await self._last_event()

    @message_producer("the event of a deleted user")
    async def deleted(self) -> Message:
        await accounts.delete(self._session, 7)
        return await self._last_event()

    @message_producer("the access token of a user")
    async def user_token(self) -> Message:
        return _taken_apart(await self._app.state.issuer.for_user(7, "user"))

    @message_producer("the token of a relay")
    async def relay_token(self) -> Message:
        return _taken_apart(await self._app.state.issuer.for_delivery())

    async def _last_event(self) -> Message:
        await self._session.commit()
        newest_first = select(OutboxEvent).order_by(col(OutboxEvent.id).desc())
        event = (await self._session.scalars(newest_first)).first()
        assert event is not None
        headers, body = to_http(on_the_wire(event))
        return Message(body, headers["content-type"])

    def _expired(self) -> TokenIssuer:
        return TokenIssuer(self._app.state.keys, -3600)

    async def _store(self, user_id: int, name: str, *, is_active: bool, version: int = 1) -> None:
        email = f"user-{user_id}@example.com"
        user = User(
            id=user_id,
            email=email,
            email_key=email_key(email),
            name=name,
            search_text=fold(f"{name}\n{email}"),
            password_hash="none",
            is_active=is_active,
            version=version,
        )
        self._session.add(user)
        await self._session.commit()


def _caller(token: str) -> Secrets:
    return {"Bearer caller-token": f"Bearer {token}"}


def _service(token: str) -> Secrets:
    return {"Bearer items-token": f"Bearer {token}"}


def _taken_apart(granted: AccessToken) -> Message:
    token = granted.access_token
    parts = {
        "header": jwt.get_unverified_header(token),
        "claims": jwt.decode(token, options={"verify_signature": False}),
    }
    return Message(json.dumps(parts).encode(), "application/json")
