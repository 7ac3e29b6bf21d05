"""The accounts of the provider states, and the requests of their holders."""

from typing import cast

from app.dependencies import UsersState
from app.services import accounts
from app.services.access_tokens import TokenIssuer
from chassis.auth.tokens import Role
from chassis.db.sessions import WriteSession
from service_testing import tokens
from service_testing.assertions import assert_status
from service_testing.client import AppClient, as_user
from tests.factories import access_token, create_account

PASSWORD = "correct horse battery"
SPECIAL_NAME = "Zoë O'Neill & Søn \N{PARTY POPPER}"


class People:
    def __init__(self, session: WriteSession, state: UsersState, client: AppClient) -> None:
        self.session = session
        self.state = state
        self.client = client

    async def store(
        self,
        user_id: int,
        name: str = SPECIAL_NAME,
        *,
        is_active: bool = True,
        version: int = 1,
        role: str = "user",
    ) -> None:
        await create_account(
            self.session,
            self.state,
            user_id=user_id,
            email=f"user-{user_id}@example.com",
            name=name,
            password=PASSWORD,
            role=cast(Role, role),
            is_active=is_active,
            version=version,
        )

    async def delete(self, user_id: int) -> None:
        await accounts.delete(self.session, user_id)
        await self.session.commit()

    async def token(self, user_id: int) -> str:
        return await access_token(self.session, self.state, user_id)

    async def client_of(self, user_id: int) -> AppClient:
        return as_user(self.client, await self.token(user_id))

    async def sign_in(self, user_id: int) -> dict[str, str]:
        """The body of the response to the sign-in of a stored user."""
        form = {"username": f"user-{user_id}@example.com", "password": PASSWORD}
        response = await self.client.post("/auth/token", data=form)
        assert_status(response, 200)
        body: dict[str, str] = response.json()
        return body

    def in_the_past(self) -> TokenIssuer:
        """The service's own issuer, of tokens that expired an hour ago."""
        return TokenIssuer(
            self.state.keys,
            issuer="users",
            lifetime_seconds=-3600,
            user_audiences=self.state.settings.token_audiences,
        )

    async def impostor(self) -> tokens.TokenIssuer:
        """An issuer that names a published key and signs with another."""
        (key, *_) = await self.state.keys.published()
        return tokens.TokenIssuer(key_id=key["kid"], audience="users", name="users")
