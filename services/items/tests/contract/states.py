"""The provider states."""

from pathlib import Path

from app.events.user_events import OwnerState
from app.models import Item, Owner, ReceivedEvent
from app.services.owners import apply_states
from chassis.db.sessions import WriteSession
from contracts.provider import Contracts, ProviderStates, Secrets, state_handler
from service_testing.events import sender_token
from service_testing.tokens import TokenIssuer
from tests.factories import create_items, create_owner

CONTRACTS = Contracts(Path(__file__).parents[4] / "contracts")

AS_ISSUED = "items-events"
"""The audience that users issues. A literal, so that a change in items is noticed."""


class ItemsStates(ProviderStates):
    def __init__(self, session: WriteSession, issuer: TokenIssuer) -> None:
        self._session = session
        self._issuer = issuer

    @state_handler("users' relay")
    async def relay(self) -> Secrets:
        return _relay(sender_token(self._issuer, audience=AS_ISSUED))

    @state_handler("a relay whose token has expired")
    async def expired_token(self) -> Secrets:
        token = sender_token(self._issuer, audience=AS_ISSUED, expires_in_seconds=-3600)
        return _relay(token)

    @state_handler("a relay whose token somebody else signed")
    async def foreign_token(self) -> Secrets:
        return _relay(sender_token(self._issuer.impostor(), audience=AS_ISSUED))

    @state_handler("an item")
    async def item(self, id: int, name: str) -> None:  # noqa: A002 - the API's word
        await create_owner(self._session)
        await create_items(self._session, {"id": id, "name": name})

    @state_handler("no item")
    async def no_item(self, id: int) -> None:  # noqa: A002 - as above
        assert await self._session.get(Item, id) is None
        await self._session.rollback()  # or it occupies the connection that writes need

    @state_handler("no owner")
    async def no_owner(self, id: int) -> None:  # noqa: A002 - as above
        assert await self._session.get(Owner, id) is None
        await self._session.rollback()  # or it occupies the connection that writes need

    @state_handler("an owner")
    async def owner(self, id: int, name: str, version: int) -> None:  # noqa: A002 - as above
        self._session.add(Owner(id=id, name=name, version=version))
        await self._session.commit()

    @state_handler("a deleted owner")
    async def deleted_owner(self, id: int, version: int) -> None:  # noqa: A002 - as above
        await apply_states(self._session, [OwnerState.deleted(id, version)])
        await self._session.commit()

    @state_handler("an event that was received")
    async def received_event(self, source: str, id: str) -> None:  # noqa: A002 - as above
        self._session.add(ReceivedEvent(source=source, event_id=id))
        await self._session.commit()


def _relay(token: str) -> Secrets:
    return {"Bearer relay-token": f"Bearer {token}"}
