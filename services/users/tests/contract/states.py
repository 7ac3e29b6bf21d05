"""The provider states, set up as the service itself would."""

from pathlib import Path

from pydantic import AnyHttpUrl

from app.models import User
from app.schemas import AdminPatch
from app.services import accounts, service_clients
from app.services.access_tokens import INTERNAL_AUDIENCE, READ_SCOPE
from chassis.db.columns import utc_now
from chassis.events.outbox.settings import Subscriber
from contracts.provider import Contracts, Secrets, state_handler
from service_testing.assertions import assert_status
from tests.contract.messages import UsersMessages

CONTRACTS = Contracts(Path(__file__).parents[4] / "contracts")

CALLER_ID = 4_001
"""An id that no contract uses."""


class UsersStates(UsersMessages):
    @state_handler("a signed-in caller")
    async def signed_in(self) -> Secrets:
        return await self._signed_in(CALLER_ID, "Caller")

    @state_handler("a signed-in user")
    async def signed_in_user(self, id: int, name: str) -> Secrets:  # noqa: A002 - the API's word
        return await self._signed_in(id, name)

    @state_handler("a caller whose token has expired")
    async def expired_token(self) -> Secrets:
        await self._people.store(CALLER_ID)
        granted = await self._people.in_the_past().for_user(
            CALLER_ID, "user", session_id=1, signed_in_at=utc_now()
        )
        return _caller(granted.access_token)

    @state_handler("a caller whose token somebody else signed")
    async def foreign_token(self) -> Secrets:
        await self._people.store(CALLER_ID)
        return _caller((await self._people.impostor()).token(user_id=CALLER_ID))

    @state_handler("a caller who was deactivated")
    async def deactivated_caller(self) -> Secrets:
        caller = await self._signed_in(CALLER_ID, "Caller")
        await accounts.change(self._people.session, CALLER_ID, AdminPatch(is_active=False))
        await self._people.session.commit()
        return caller

    @state_handler("a caller who was deleted")
    async def deleted_caller(self) -> Secrets:
        caller = await self._signed_in(CALLER_ID, "Caller")
        await self._people.delete(CALLER_ID)
        return caller

    @state_handler("a user")
    async def user(self, id: int, name: str, is_active: bool, role: str) -> None:  # noqa: A002
        await self._people.store(id, name, is_active=is_active, role=role)

    @state_handler("no user")
    async def no_user(self, id: int) -> None:  # noqa: A002 - the API's word
        assert await self._people.session.get(User, id) is None
        await self._people.session.rollback()  # or it occupies the connection that writes need

    @state_handler("a user at a version")
    async def user_at_version(
        self,
        id: int,  # noqa: A002
        name: str,
        is_active: bool,
        version: int,
        role: str,
    ) -> None:
        await self._people.store(id, name, is_active=is_active, version=version, role=role)

    @state_handler("a deleted user")
    async def deleted_user(self, id: int) -> None:  # noqa: A002 - the API's word
        await self._people.store(id)
        await self._people.delete(id)

    @state_handler("a registered service")
    async def registered_service(self, client_id: str, secret: str) -> None:
        await service_clients.register(
            self._people.session,
            client_id,
            audiences=[INTERNAL_AUDIENCE],
            scopes=[READ_SCOPE],
            secret=secret,
        )
        await self._people.session.commit()

    @state_handler("a service with a token")
    async def service_with_token(self) -> Secrets:
        """With a token from the real route: one route must accept what the other issues."""
        await self.registered_service("items", "secret")
        form = {"grant_type": "client_credentials"}
        answer = await self._people.client.post("/auth/token", data=form, auth=("items", "secret"))
        assert_status(answer, 200)
        return _service(answer.json()["access_token"])

    @state_handler("a service whose token has expired")
    async def service_with_expired_token(self) -> Secrets:
        granted = await self._people.in_the_past().for_service(
            "items", audience=INTERNAL_AUDIENCE, scopes=[READ_SCOPE]
        )
        return _service(granted.access_token)

    @state_handler("a service whose token somebody else signed")
    async def service_with_foreign_token(self) -> Secrets:
        issuer = await self._people.impostor()
        return _service(
            issuer.token(
                audience=INTERNAL_AUDIENCE, sub="items", scope=READ_SCOPE, without=("role",)
            )
        )

    @state_handler("a subscriber")
    async def subscriber(self, name: str) -> None:
        subscriber = Subscriber(name=name, url=AnyHttpUrl("http://subscriber.example/events/"))
        self._events_audience = subscriber.audience

    @state_handler("published keys")
    async def published_keys(self) -> None:
        await self._people.state.keys.signing_key()

    async def _signed_in(self, user_id: int, name: str) -> Secrets:
        await self._people.store(user_id, name)
        return _caller(await self._people.token(user_id))


def _caller(token: str) -> Secrets:
    return {"Bearer caller-token": f"Bearer {token}"}


def _service(token: str) -> Secrets:
    return {"Bearer items-token": f"Bearer {token}"}
