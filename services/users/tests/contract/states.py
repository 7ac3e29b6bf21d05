"""The states that consumers' contracts begin from, brought about as the service itself would."""

from pathlib import Path

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.access_tokens import TokenIssuer
from app.models import User
from chassis.fields import email_key, fold
from service_testing import tokens
from service_testing.contracts.pact_files import Contracts
from service_testing.contracts.states import ProviderStates, Secrets, state_handler

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
        issuer = TokenIssuer(self._app.state.keys, -3600)
        return _caller((await issuer.for_user(CALLER_ID, "user")).access_token)

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

    @state_handler("published keys")
    async def published_keys(self) -> None:
        await self._app.state.keys.signing_key()

    async def _store(self, user_id: int, name: str, *, is_active: bool) -> None:
        email = f"user-{user_id}@example.com"
        user = User(
            id=user_id,
            email=email,
            email_key=email_key(email),
            name=name,
            search_text=fold(f"{name}\n{email}"),
            password_hash="none",
            is_active=is_active,
        )
        self._session.add(user)
        await self._session.commit()


def _caller(token: str) -> Secrets:
    return {"Bearer caller-token": f"Bearer {token}"}
