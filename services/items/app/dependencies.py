"""What the routes ask for."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, OAuth2PasswordBearer

from app.errors import UsersUnavailable
from app.inbox import Inbox
from app.owners import Owners
from chassis.auth.remote_keys import KeysUnavailable
from chassis.auth.tokens import Principal, TokenVerifier
from chassis.web.errors import InvalidToken, NotAuthenticated

BEARER = OAuth2PasswordBearer(tokenUrl="auth/token", auto_error=False)

EVENTS_AUDIENCE = "items-events"
EVENT_SENDER = HTTPBearer(
    scheme_name="EventSender",
    description=f"The users service's own token for the audience `{EVENTS_AUDIENCE}`.",
    auto_error=False,
)


async def get_owners(request: Request) -> Owners:
    owners: Owners = request.app.state.owners
    return owners


async def current_principal(
    request: Request, token: Annotated[str | None, Depends(BEARER)]
) -> Principal:
    """Whoever the token was issued to.

    Raises:
        NotAuthenticated: without a token.
        InvalidToken: for a bad token.
        UsersUnavailable: when the keys to check it were never seen and can't be fetched.
    """
    if not token:
        raise NotAuthenticated
    verifier: TokenVerifier = request.app.state.verifier
    try:
        return await verifier.principal(token)
    except KeysUnavailable:
        raise UsersUnavailable from None


async def require_event_sender(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(EVENT_SENDER)],
) -> None:
    """Only a token for this audience and no other: a user's own access token is none.

    Raises:
        NotAuthenticated, InvalidToken, UsersUnavailable: as `current_principal`.
    """
    if credentials is None:
        raise NotAuthenticated
    verifier: TokenVerifier = request.app.state.event_verifier
    try:
        claims = await verifier.claims(credentials.credentials)
    except KeysUnavailable:
        raise UsersUnavailable from None
    if claims["aud"] not in (EVENTS_AUDIENCE, [EVENTS_AUDIENCE]):
        raise InvalidToken


async def get_inbox(request: Request) -> Inbox:
    inbox: Inbox = request.app.state.inbox
    return inbox


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
OwnersDep = Annotated[Owners, Depends(get_owners)]
InboxDep = Annotated[Inbox, Depends(get_inbox)]
