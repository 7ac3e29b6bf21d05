"""Accounts that contracts begin from, and what their holders can do."""

from app.dependencies import UsersState
from app.models import User
from app.services import accounts
from app.services.access_tokens import TokenIssuer
from chassis.db.columns import fold
from chassis.db.sessions import WriteSession
from chassis.web.fields import email_key
from service_testing import tokens
from service_testing.assertions import assert_status
from service_testing.client import AppClient, as_user

PASSWORD = "correct horse battery"


class People:
    def __init__(self, session: WriteSession, state: UsersState, client: AppClient) -> None:
        self.session = session
        self.state = state
        self.client = client

    async def store(
        self,
        user_id: int,
        name: str = "Somebody",
        *,
        is_active: bool = True,
        version: int = 1,
        role: str = "user",
    ) -> User:
        email = f"user-{user_id}@example.com"
        user = User(
            id=user_id,
            email=email,
            email_key=email_key(email),
            name=name,
            search_text=fold(f"{name}\n{email}"),
            password_hash=await self.state.passwords.hash(PASSWORD),
            role=role,
            is_active=is_active,
            version=version,
        )
        self.session.add(user)
        await self.session.commit()
        return user

    async def delete(self, user_id: int) -> None:
        await accounts.delete(self.session, user_id)
        await self.session.commit()

    async def token(self, user_id: int, role: str = "user") -> str:
        granted = await self.state.issuer.for_user(user_id, role)
        return str(granted.access_token)

    async def client_of(self, user_id: int, role: str = "user") -> AppClient:
        return as_user(self.client, await self.token(user_id, role))

    async def sign_in(self, user_id: int) -> dict[str, str]:
        """The answer to the sign-in of someone who was stored."""
        form = {"username": f"user-{user_id}@example.com", "password": PASSWORD}
        answer = await self.client.post("/auth/token", data=form)
        assert_status(answer, 200)
        signed_in: dict[str, str] = answer.json()
        return signed_in

    def in_the_past(self) -> TokenIssuer:
        """The issuer of the service itself, of tokens that expired an hour ago."""
        return TokenIssuer(
            self.state.keys,
            lifetime_seconds=-3600,
            user_audiences=self.state.settings.token_audiences,
        )

    async def impostor(self) -> tokens.TokenIssuer:
        """An issuer that names a published key, and signs with another."""
        (key, *_) = await self.state.keys.published()
        return tokens.TokenIssuer(key_id=key["kid"], audience="users", name="users")
