"""The state of the service, and the dependencies of its routes."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, OAuth2PasswordBearer

from app.errors import UsersUnavailable
from app.events.inbox import Inbox
from app.events.user_events import SENDER
from app.services.owners import OwnerLookup
from app.settings import ItemsSettings
from chassis.auth.remote_keys import KeysUnavailable
from chassis.auth.tokens import Principal, TokenVerifier
from chassis.events.consuming import ConsumerState
from chassis.web.errors import InvalidToken, NotAuthenticated

BEARER = OAuth2PasswordBearer(tokenUrl="/auth/token", auto_error=False)
EVENT_SENDER = HTTPBearer(
    scheme_name="EventSender",
    description="The users service's own token for the audience `items-events`.",
    auto_error=False,
)


@dataclass(frozen=True, kw_only=True)
class ItemsState(ConsumerState):
    """Everything that the lifespan opens."""

    settings: ItemsSettings
    owners: OwnerLookup
    inbox: Inbox
    access_tokens: TokenVerifier
    event_tokens: TokenVerifier


async def get_state(request: Request) -> ItemsState:
    state: ItemsState = request.state.service
    return state


StateDep = Annotated[ItemsState, Depends(get_state)]


async def current_principal(
    request: Request, token: Annotated[str | None, Depends(BEARER)]
) -> Principal:
    """The user that the access token was issued to.

    Raises:
        NotAuthenticated: there is no token.
        InvalidToken: the token is bad.
        UsersUnavailable: no keys are stored to verify it with, and users can't be reached.
    """
    if not token:
        raise NotAuthenticated
    state = await get_state(request)  # as a dependency it would take 2 % of each request's CPU
    try:
        return await state.access_tokens.principal(token)
    except KeysUnavailable:
        raise UsersUnavailable from None


async def require_event_sender(
    state: StateDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(EVENT_SENDER)],
) -> None:
    """Accept only a token of the users service, for the audience of events and no other.

    Raises:
        NotAuthenticated, InvalidToken, UsersUnavailable: as `current_principal`.
    """
    if credentials is None:
        raise NotAuthenticated
    try:
        claims = await state.event_tokens.claims(credentials.credentials)
    except KeysUnavailable:
        raise UsersUnavailable from None
    audience = state.settings.events_token_audience
    if claims["aud"] not in (audience, [audience]) or claims["sub"] != SENDER:
        raise InvalidToken


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
